"""Lets a call in: is there a token for it, and who is it; never what it wants."""

from typing import Protocol

from chalicelib.auth import Authenticator
from chalicelib.calls import Call
from chalicelib.config import Settings
from chalicelib.credentials import Kind
from chalicelib.errors import AdminOnlyError, NotAdminError, TooManyRequestsError
from shared_lua import keys
from shared_lua.scripts import Bucket, Verdict


class Gate(Protocol):
    """Where tokens are taken."""

    def admit(self, buckets: list[Bucket]) -> Verdict:
        """Take one token from every bucket, or from none."""


class Entrance:
    """Admits by address, authenticates, then admits by tenant."""

    def __init__(self, authenticator: Authenticator, gate: Gate, settings: Settings) -> None:
        self._authenticator = authenticator
        self._gate = gate
        self._settings = settings

    def enter(self, call: Call) -> str:
        """Give the tenant; raise an UnauthenticatedError error, TooManyRequestsError or UnavailableError.

        The address comes first, before any key is looked up: guessing keys must not cost the table a read each. The
        tenant's bucket comes after it is known, so that a stranger cannot use up a tenant's rate.
        """
        settings = self._settings
        self._take(Bucket(keys.address_bucket(call.source_ip), settings.address_rate_per_s, settings.address_burst))
        caller = self._authenticator.caller_of(call)
        if caller.credential.kind is Kind.ADMIN_KEY:
            raise AdminOnlyError
        rate_per_s = caller.limits.rate_per_s or settings.tenant_rate_per_s
        self._take(Bucket(keys.tenant_bucket(caller.tenant), rate_per_s, caller.limits.burst or settings.tenant_burst))
        return caller.tenant

    def enter_admin(self, call: Call) -> str:
        """Give the owner of the admin keys; raise as `enter` does, and NotAdminError for any other key.

        A tenant's key is refused before anything is looked for, so it learns nothing of who else there is.
        """
        settings = self._settings
        self._take(Bucket(keys.address_bucket(call.source_ip), settings.address_rate_per_s, settings.address_burst))
        caller = self._authenticator.caller_of(call)
        if caller.credential.kind is not Kind.ADMIN_KEY:
            raise NotAdminError
        return caller.tenant

    def _take(self, bucket: Bucket) -> None:
        verdict = self._gate.admit([bucket])
        if verdict.refused_by is not None:
            raise TooManyRequestsError(verdict)
