"""Finds the tenant that a key belongs to, and its limits, and remembers them for a short while.

Whether the caller really has the key is for the Authenticator to say.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.storage.throttle import ThrottleByKey
from chalicelib.tenants.credentials import Credential, Kind
from chalicelib.tenants.tenant import ADMIN, Tenant, TenantLimits

#: How long a caller is remembered by a process that hears of no change in the meantime, s.
REMEMBER_S = 30.0

#: Beyond this many the memory is emptied: it is there for the busy few.
MAX_REMEMBERED = 10_000


class Credentials(Protocol):
    """Where credentials are looked up."""

    def find(self, credential_id: str) -> Credential | None:
        """Give the credential, None when there is none; raise UnavailableError."""


class Tenants(Protocol):
    """Where tenants are looked up."""

    def find(self, name: str) -> Tenant | None:
        """Give the tenant, also a deleted one, None when there never was one; raise UnavailableError."""

    def reserved(self, name: str) -> int:
        """Give how many concurrency permits the tenant's functions have reserved; raise UnavailableError."""


@dataclass(frozen=True)
class Caller:
    """A credential, and its tenant's limits."""

    credential: Credential
    limits: TenantLimits = field(default_factory=TenantLimits)
    reserved: int = 0  #: concurrency permits that functions of the tenant have reserved

    @property
    def tenant(self) -> str:
        """The tenant's name."""
        return self.credential.tenant


@dataclass(frozen=True)
class _Memory:
    caller: Caller
    until_s: float
    cache_version: int | None


class Callers:
    """Callers by credential. A key that is not found is not remembered, as one that was just made must work at once.

    `monotonic_s` limits the memory's age; `now_s` (seconds since the Unix epoch) ends rotated keys to the second.
    Calls with the same key that come at the same time read it one after the other, so that all but the first find it
    remembered.
    """

    def __init__(
        self,
        credentials: Credentials,
        tenants: Tenants,
        monotonic_s: Callable[[], float],
        now_s: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._tenants = tenants
        self._monotonic_s = monotonic_s
        self._now_s = now_s
        self._reads = ThrottleByKey()
        self._remembered: dict[tuple[str, str], _Memory] = {}
        self._cache_versions: dict[str, int] = {}
        self._learnt = 0  #: how often any tenant's cache version changed

    def remembered(self, credential_id: str, kind: str) -> Caller | None:
        """Give the caller if it is remembered, without any I/O."""
        memory = self._remembered.get((credential_id, kind))
        if memory is None or self._monotonic_s() >= memory.until_s:
            return None
        known = self._cache_versions.get(memory.caller.tenant)
        return memory.caller if memory.cache_version == known and self._counts(memory.caller.credential) else None

    def look_up(self, credential_id: str, kind: str) -> Caller | None:
        """Read the caller and remember it; None when there is none. Raises UnavailableError.

        What another call has read while this one waited for it is not read again.
        """
        with self._reads.taken((credential_id, kind)):
            return self.remembered(credential_id, kind) or self._look_up(credential_id, kind)

    def _look_up(self, credential_id: str, kind: str) -> Caller | None:
        before = self._learnt
        credential = self._credentials.find(credential_id)
        if credential is None or credential.kind != kind or not self._counts(credential):
            return None
        caller = self._caller(credential)
        # The tenant was not known before the read. A cache version that any tenant got meanwhile may be this one's,
        # and newer than what was read: then nothing is remembered.
        cache_version = self._cache_versions.get(credential.tenant)
        if caller and before == self._learnt:
            self._remember(caller, cache_version)
        return caller

    def account(self, tenant: str) -> Caller | None:
        """Give the caller that a tenant pays for and that has no key; None when there is no such tenant.

        Raises UnavailableError.
        """
        credential = Credential(credential_id=tenant, kind=Kind.ACCOUNT, tenant=tenant)
        remembered = self.remembered(tenant, Kind.ACCOUNT)
        if remembered is None:
            cache_version = self._cache_versions.get(tenant)
            remembered = self._caller(credential)
            if remembered:
                self._remember(remembered, cache_version)
        return remembered

    def cache_version(self, tenant: str) -> int | None:
        """Give the tenant's cache version as this process knows it; None when it knows none."""
        return self._cache_versions.get(tenant)

    def learn(self, tenant: str, cache_version: int) -> None:
        """Take over a tenant's cache version; what is remembered under another one is stale from now on.

        It is a number that changes whenever the tenant's keys or limits do.
        """
        if len(self._cache_versions) >= MAX_REMEMBERED and tenant not in self._cache_versions:
            self._forget_all()
        # Counted first, or a call that is reading meanwhile would not see it.
        self._learnt += self._cache_versions.get(tenant) != cache_version
        self._cache_versions[tenant] = cache_version

    def _caller(self, credential: Credential) -> Caller | None:
        if credential.tenant == ADMIN:
            return Caller(credential)
        tenant = self._tenants.find(credential.tenant)
        return None if tenant is None or tenant.deleted_s is not None else self._with_limits(credential, tenant)

    def _with_limits(self, credential: Credential, tenant: Tenant) -> Caller:
        return Caller(credential, tenant.limits, self._tenants.reserved(tenant.name))

    def _counts(self, credential: Credential) -> bool:
        return credential.ends_s is None or self._now_s() < credential.ends_s

    def _remember(self, caller: Caller, cache_version: int | None) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._forget_all()
        key = caller.credential.credential_id, caller.credential.kind.value
        self._remembered[key] = _Memory(caller, self._monotonic_s() + REMEMBER_S, cache_version)

    def _forget_all(self) -> None:
        self._remembered.clear()
        self._cache_versions.clear()
