"""Whose a key is and what its tenant may use, with a short memory; never whether the caller really has the key."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.tenants.credentials import Credential, Kind
from chalicelib.tenants.tenant import ADMIN, Tenant, TenantLimits

#: How long a caller is believed without looking again, for a process that hears of no change in the meantime.
REMEMBER_S = 30.0

#: Beyond this many the memory starts afresh: it is there for the busy few.
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
    """Who a credential belongs to."""

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
    """Callers by credential. Only who was found is remembered: a key just made must work at once.

    `monotonic_s` runs the memory out, `now_s` (seconds since the Unix epoch) ends rotated keys to the second.
    `aside` is where a call waits for its turn to look up, and is while it does.
    """

    def __init__(
        self,
        credentials: Credentials,
        tenants: Tenants,
        monotonic_s: Callable[[], float],
        now_s: Callable[[], float],
        aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._credentials = credentials
        self._tenants = tenants
        self._monotonic_s = monotonic_s
        self._now_s = now_s
        self._aside = aside
        self._remembered: dict[tuple[str, str], _Memory] = {}
        self._cache_versions: dict[str, int] = {}
        self._learnt = 0  #: how often a cache_version became another one, whosever

    def remembered(self, credential_id: str, kind: str) -> Caller | None:
        """Give the caller if it is remembered. Costs nothing and asks nobody."""
        memory = self._remembered.get((credential_id, kind))
        if memory is None or self._monotonic_s() >= memory.until_s:
            return None
        known = self._cache_versions.get(memory.caller.tenant)
        return memory.caller if memory.cache_version == known and self._counts(memory.caller.credential) else None

    def look_up(self, credential_id: str, kind: str) -> Caller | None:
        """Give the caller from the tables and remember it, None without one; raise UnavailableError.

        Who was looked up while this call waited for its turn is not looked up again.
        """
        with self._aside():
            return self.remembered(credential_id, kind) or self._look_up(credential_id, kind)

    def _look_up(self, credential_id: str, kind: str) -> Caller | None:
        before = self._learnt
        credential = self._credentials.find(credential_id)
        if credential is None or credential.kind != kind or not self._counts(credential):
            return None
        caller = self._caller(credential)
        # Whose key it is was not known before it was read: what was learnt since of anybody may be of a newer row.
        cache_version = self._cache_versions.get(credential.tenant)
        if caller and before == self._learnt:
            self._remember(caller, cache_version)
        return caller

    def account(self, tenant: str) -> Caller | None:
        """Give who calls on a tenant's account without a key of its own, None when there is no such tenant.

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
        """Give the cache_version that what is remembered of a tenant is measured by, None when none was told."""
        return self._cache_versions.get(tenant)

    def learn(self, tenant: str, cache_version: int) -> None:
        """Measure what is remembered of a tenant by this cache_version from now; what is of another counts no more.

        It is a number that another one replaces whenever a tenant's keys or limits change.
        """
        if len(self._cache_versions) >= MAX_REMEMBERED and tenant not in self._cache_versions:
            self._start_afresh()
        self._learnt += (
            self._cache_versions.get(tenant) != cache_version
        )  # first, or who reads meanwhile would not see it
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
            self._start_afresh()
        key = caller.credential.credential_id, caller.credential.kind.value
        self._remembered[key] = _Memory(caller, self._monotonic_s() + REMEMBER_S, cache_version)

    def _start_afresh(self) -> None:
        self._remembered.clear()
        self._cache_versions.clear()
