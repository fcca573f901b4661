"""Lets a call in: who is it, and is there a token for it; never what it wants."""

from typing import Protocol

from chalicelib.auth import Authenticator
from chalicelib.calls import Call
from chalicelib.config import Settings
from chalicelib.errors import TooManyRequestsError, UnauthenticatedError
from shared_lua import keys
from shared_lua.scripts import Bucket, Verdict


class Gate(Protocol):
    """Where tokens are taken."""

    def admit(self, buckets: list[Bucket]) -> Verdict:
        """Take one token from every bucket, or from none."""


class Entrance:
    """Authenticates, then admits."""

    def __init__(self, authenticator: Authenticator, gate: Gate, settings: Settings) -> None:
        self._authenticator = authenticator
        self._gate = gate
        self._settings = settings

    def enter(self, call: Call) -> str:
        """Give the tenant; raise an UnauthenticatedError error, TooManyRequestsError or UnavailableError.

        A failed login takes from its address's bucket, so that guessing keys is slowed like everything else; it takes
        from no tenant's, so that a stranger cannot use up a tenant's rate.
        """
        address = Bucket(
            keys.address_bucket(call.source_ip), self._settings.address_rate_per_s, self._settings.address_burst
        )
        try:
            tenant = self._authenticator.tenant_of(call)
        except UnauthenticatedError:
            self._take([address])
            raise
        own = Bucket(keys.tenant_bucket(tenant), self._settings.tenant_rate_per_s, self._settings.tenant_burst)
        self._take([own, address])
        return tenant

    def _take(self, buckets: list[Bucket]) -> None:
        verdict = self._gate.admit(buckets)
        if verdict.refused_by is not None:
            raise TooManyRequestsError(verdict)
