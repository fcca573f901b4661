"""Authenticates calls, takes their rate-limit tokens, and checks that what is remembered of the tenant is current."""

import dataclasses
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
from shared_lua.scripts import ANY_CACHE_VERSION, Ask, Decision, Run, TokenBucket, Verdict

#: How often Redis is asked at most, when a tenant's keys change again and again meanwhile.
MOST_QUESTIONS = 3
#: The decisions that refuse. The others admit, or say that something must be read anew.
REFUSALS = frozenset({Decision.ADDRESS, Decision.TENANT, Decision.FUNCTION, Decision.CONCURRENCY, Decision.FLEET})


class Gate(Protocol):
    """What decides on admissions."""

    def admit(self, ask: Ask, run: Run | None = None) -> Verdict:
        """Admit a call or refuse it; raise UnavailableError."""


@dataclass(frozen=True)
class Principal:
    """An authenticated caller, and the token buckets of which it still owes a token."""

    caller: Caller
    address: TokenBucket | None
    bucket: TokenBucket | None
    call: Call | None = None  #: what authenticated it; None for an anonymous caller of a tenant's function URL

    @property
    def tenant(self) -> str:
        """The tenant that pays."""
        return self.caller.tenant

    def without_tokens(self) -> "Principal":
        """Give the same caller, whose tokens have been taken."""
        return dataclasses.replace(self, address=None, bucket=None)


class Authentication:
    """Authenticates callers and asks Redis to admit them. `outage` limits what this process lets in without Redis."""

    def __init__(
        self, authenticator: Authenticator, callers: Callers, gate: Gate, outage: LocalBucket, settings: Settings
    ) -> None:
        self._authenticator = authenticator
        self._callers = callers
        self._gate = gate
        self._outage = outage
        self._settings = settings

    def enter(self, call: Call) -> str:
        """Admit a call that runs no function, and give its tenant.

        Raises an UnauthenticatedError, TooManyRequestsError or UnavailableError.
        """
        return self._enter(self.identify(call)).tenant

    def enter_admin(self, call: Call) -> str:
        """Admit a call with an admin key, and give the owner of the admin keys.

        Raises as `enter` does, and NotAdminError for any other key. A tenant's key is refused before anything is looked
        for, so that it learns nothing of other tenants.
        """
        principal = self._enter(dataclasses.replace(self._known(call), bucket=None))
        if principal.caller.credential.kind is not Kind.ADMIN_KEY:
            raise NotAdminError
        return principal.tenant

    def identify(self, call: Call) -> Principal:
        """Authenticate a tenant; raise an UnauthenticatedError, AdminOnlyError or UnavailableError."""
        principal = self._known(call)
        if principal.caller.credential.kind is Kind.ADMIN_KEY:
            raise AdminOnlyError
        return principal

    def take_token(self, call: Call) -> None:
        """Take a token of the address alone, before anything is looked up; raise TooManyRequestsError.

        While Redis is down the outage bucket decides: some of these calls may be accepted all the same. Raises
        UnavailableError when it is empty.
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

    def anonymous(self, tenant: str) -> Principal:
        """Give an unauthenticated caller that a tenant pays for; raise ForbiddenUrlError when there is no such tenant.

        No token of its address is due: it was taken when the call came.
        """
        caller = self._callers.account(tenant)
        if caller is None:
            raise ForbiddenUrlError
        return Principal(caller, None, self._bucket(caller))

    def owner(self, tenant: str, call: Call) -> Principal:
        """Authenticate the tenant itself; raise ForbiddenUrlError, or what is wrong with the signature."""
        if call.header("authorization") is None:
            raise MissingCredentialsError
        principal = self.identify(call)
        if principal.tenant != tenant:
            raise ForbiddenUrlError
        return principal

    def ask(self, principal: Principal, run: Run | None = None) -> Verdict:
        """Ask Redis once to admit a caller, and the Invocation that it wants to run.

        The Verdict admits, or says what must be read anew first: CREDENTIALS (see `refreshed`) or RECORD. Raises
        TooManyRequestsError or UnavailableError.
        """
        cache_version = self._callers.cache_version(principal.tenant)
        ask = Ask(
            tenant=principal.tenant,
            address=principal.address,
            bucket=principal.bucket,
            cache_version="" if cache_version is None else str(cache_version),
        )
        verdict = self._gate.admit(ask, run)
        if verdict.decision in REFUSALS:
            raise TooManyRequestsError(verdict)
        return verdict

    def refreshed(self, principal: Principal, verdict: Verdict) -> Principal:
        """Authenticate a caller anew after a Verdict that the tenant's keys or limits have changed.

        A revoked key stops with the next call so, whichever process that reaches. Tokens that were taken before stay
        taken. Raises as `identify` does.
        """
        self._callers.learn(principal.tenant, int(verdict.keys_cache_version))
        renewed = self._known(principal.call) if principal.call else self.anonymous(principal.tenant)
        return dataclasses.replace(
            renewed,
            address=renewed.address if principal.address else None,
            bucket=renewed.bucket if principal.bucket else None,
        )

    def _enter(self, principal: Principal) -> Principal:
        for _ in range(MOST_QUESTIONS):
            verdict = self.ask(principal)
            if verdict.decision is not Decision.CREDENTIALS:
                return principal
            principal = self.refreshed(principal, verdict)
        raise UnavailableError("The admission")

    def _known(self, call: Call) -> Principal:
        """Authenticate a call. A failed log-in and a look-up each cost a token of the address first.

        A caller that is remembered and proves itself pays nothing here: its address's token is taken together with the
        tenant's.
        """
        address: TokenBucket | None = self._address(call)
        try:
            claim = self._authenticator.claim(call)
            caller = self._authenticator.remembered(claim)
            if caller:
                self._authenticator.verify(call, claim, caller)
        except UnauthenticatedError:
            self.take_token(call)
            raise
        if caller is None:
            self.take_token(call)
            address = None
            caller = self._authenticator.look_up(claim)
            self._authenticator.verify(call, claim, caller)
        return Principal(caller, address, self._bucket(caller), call)

    def _address(self, call: Call) -> TokenBucket:
        settings = self._settings
        return TokenBucket(keys.address_bucket(call.source_ip), settings.address_rate_per_s, settings.address_burst)

    def _bucket(self, caller: Caller) -> TokenBucket:
        rate_per_s = caller.limits.rate_per_s or self._settings.tenant_rate_per_s
        return TokenBucket(
            keys.tenant_bucket(caller.tenant), rate_per_s, caller.limits.burst or self._settings.tenant_burst
        )
