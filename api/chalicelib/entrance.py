"""Lets a call in: is there a token for it, and who is it; never what it wants."""

from typing import Protocol

from chalicelib.auth import Authenticator
from chalicelib.calls import Call
from chalicelib.config import Settings
from chalicelib.errors import ForbiddenUrlError, TooManyRequestsError
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
        tenant = self._authenticator.tenant_of(call)
        self._take(Bucket(keys.tenant_bucket(tenant), settings.tenant_rate_per_s, settings.tenant_burst))
        return tenant

    def knock(self, call: Call) -> None:
        """Take one token of the caller's address, whoever it is; raise TooManyRequestsError or UnavailableError."""
        settings = self._settings
        self._take(Bucket(keys.address_bucket(call.source_ip), settings.address_rate_per_s, settings.address_burst))

    def enter_for(self, tenant: str, call: Call, *, must_sign: bool) -> None:
        """Let a caller who has knocked in on a tenant's account, which pays for it with one of its tokens.

        With `must_sign` only the tenant's own signature does: raise ForbiddenUrlError, or what is wrong with it.
        """
        if must_sign and self._authenticator.signer_of(call) != tenant:
            raise ForbiddenUrlError
        settings = self._settings
        self._take(Bucket(keys.tenant_bucket(tenant), settings.tenant_rate_per_s, settings.tenant_burst))

    def _take(self, bucket: Bucket) -> None:
        verdict = self._gate.admit([bucket])
        if verdict.refused_by is not None:
            raise TooManyRequestsError(verdict)
