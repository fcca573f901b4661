"""Lets a call in: who is it, is there a token for it, is what is remembered of it still so; never what it wants."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.calls import Call
from chalicelib.config import Settings
from chalicelib.errors import (
    AdminOnlyError,
    ForbiddenUrlError,
    MissingCredentialsError,
    NotAdminError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from chalicelib.storage.local_bucket import LocalBucket
from chalicelib.tenants.callers import Caller, Callers
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.proof import Authenticator
from shared_lua import keys
from shared_lua.scripts import ANY_CACHE_VERSION, Ask, Bucket, Decision, Run, Verdict

#: A tenant's keys that change again and again between two looks at them: the caller had better come back.
LOOKS = 3
#: These refuse; the other words let go, or say that something is to be looked up again.
REFUSALS = frozenset({Decision.ADDRESS, Decision.TENANT, Decision.FUNCTION, Decision.CONCURRENCY, Decision.FLEET})


class Gate(Protocol):
    """Where the admission is asked."""

    def admit(self, ask: Ask, run: Run | None = None) -> Verdict:
        """Let a call go, or say why not; raise UnavailableError."""


@dataclass(frozen=True)
class Principal:
    """Somebody who has proven who it is, with the tokens that are still due."""

    caller: Caller
    address: Bucket | None
    bucket: Bucket | None
    again: "Callable[[], Principal]"  #: finds out anew who it is

    @property
    def tenant(self) -> str:
        """Who pays."""
        return self.caller.tenant

    def without_dues(self) -> "Principal":
        """Give the same visitor, whose tokens have been taken."""
        return dataclasses.replace(self, address=None, bucket=None)


class Authentication:
    """Knows callers and asks the admission for them. `outage` is what goes while Redis is down, a process."""

    def __init__(
        self, authenticator: Authenticator, callers: Callers, gate: Gate, outage: LocalBucket, settings: Settings
    ) -> None:
        self._authenticator = authenticator
        self._callers = callers
        self._gate = gate
        self._outage = outage
        self._settings = settings

    def enter(self, call: Call) -> str:
        """Give the tenant; raise an UnauthenticatedError error, TooManyRequestsError or UnavailableError."""
        principal = self.identify(call)
        self.admit(principal, lambda _: None)
        return principal.tenant

    def enter_admin(self, call: Call) -> str:
        """Give the owner of the admin keys; raise as `enter` does, and NotAdminError for any other key.

        A tenant's key is refused before anything is looked for, so it learns nothing of who else there is.
        """
        principal = self._known(call)
        principal, _ = self.admit(dataclasses.replace(principal, bucket=None), lambda _: None)
        if principal.caller.credential.kind is not Kind.ADMIN_KEY:
            raise NotAdminError
        return principal.tenant

    def identify(self, call: Call) -> Principal:
        """Give the tenant's visitor; raise an UnauthenticatedError error, AdminOnlyError or UnavailableError."""
        principal = self._known(call)
        if principal.caller.credential.kind is Kind.ADMIN_KEY:
            raise AdminOnlyError
        return principal

    def take_token(self, call: Call) -> None:
        """Take one token of the caller's address, whoever it is; raise TooManyRequestsError or UnavailableError."""
        self._take(call)

    def anonymous(self, tenant: str) -> Principal:
        """Give somebody who has knocked, and calls on a tenant's account; raise ForbiddenUrlError without a tenant."""
        caller = self._callers.account(tenant)
        if caller is None:
            raise ForbiddenUrlError
        return Principal(caller, None, self._bucket(caller), again=lambda: self.anonymous(tenant))

    def owner(self, tenant: str, call: Call) -> Principal:
        """Give the tenant itself, which signs; raise ForbiddenUrlError, or what is wrong with the signature."""
        if call.header("authorization") is None:
            raise MissingCredentialsError
        principal = self.identify(call)
        if principal.tenant != tenant:
            raise ForbiddenUrlError
        return principal

    def admit(self, principal: Principal, run_of: Callable[[Principal], Run | None]) -> tuple[Principal, Verdict]:
        """Ask for a visitor, and for what it wants to run; raise TooManyRequestsError or UnavailableError.

        The answer says whether what is remembered of the tenant still counts. If not, its key is looked up again: a
        revoked one stops with the next call, wherever that arrives.
        """
        for _ in range(LOOKS):
            verdict = self._gate.admit(self._ask(principal), run_of(principal))
            if verdict.decision in REFUSALS:
                raise TooManyRequestsError(verdict)
            if verdict.decision is not Decision.CREDENTIALS:
                return principal, verdict
            self._callers.learn(principal.tenant, int(verdict.keys_cache_version))
            principal = principal.again()
        raise UnavailableError("The admission")

    def _ask(self, principal: Principal) -> Ask:
        cache_version = self._callers.cache_version(principal.tenant)
        return Ask(
            tenant=principal.tenant,
            address=principal.address,
            bucket=principal.bucket,
            cache_version="" if cache_version is None else str(cache_version),
        )

    def _known(self, call: Call) -> Principal:
        """Find out who it is. Whatever costs a look-up, or was a failed log-in, costs a token of the address first.

        Who is remembered and proves itself costs nothing here: its address's token is taken with the tenant's.
        """
        address: Bucket | None = self._address(call)
        try:
            claim = self._authenticator.claim(call)
            caller = self._authenticator.remembered(claim)
            if caller:
                self._authenticator.verify(call, claim, caller)
        except UnauthenticatedError:
            self._take(call)
            raise
        if caller is None:
            self._take(call)
            address = None
            caller = self._authenticator.look_up(claim)
            self._authenticator.verify(call, claim, caller)
        return Principal(caller, address, self._bucket(caller), again=lambda: self._known(call))

    def _address(self, call: Call) -> Bucket:
        settings = self._settings
        return Bucket(keys.address_bucket(call.source_ip), settings.address_rate_per_s, settings.address_burst)

    def _bucket(self, caller: Caller) -> Bucket:
        rate_per_s = caller.limits.rate_per_s or self._settings.tenant_rate_per_s
        return Bucket(keys.tenant_bucket(caller.tenant), rate_per_s, caller.limits.burst or self._settings.tenant_burst)

    def _take(self, call: Call) -> None:
        """Take a token of the address alone: it comes before any key is looked up, or guesses would cost a read each.

        While Redis is down a few calls go on without: some of them may be accepted all the same.
        """
        ask = Ask(tenant="", address=self._address(call), bucket=None, cache_version=ANY_CACHE_VERSION)
        try:
            verdict = self._gate.admit(ask)
        except UnavailableError:
            if self._outage.take():
                return
            raise
        if verdict.decision in REFUSALS:
            raise TooManyRequestsError(verdict)
