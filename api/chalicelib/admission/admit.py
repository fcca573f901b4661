"""Decides which Invocations may run, and makes them.

One round trip to Redis as long as nothing has changed since the last call; a refusal never costs more than that.
"""

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.admission.minting import Mint, Task
from chalicelib.admission.request import Admitted, InvokeRequest
from chalicelib.admission.targets import Known, Targets
from chalicelib.config import Settings
from chalicelib.errors import InvalidParameterError, NotFoundError, UnavailableError
from chalicelib.functions.routing import Route
from chalicelib.naming import Home
from chalicelib.storage.local_bucket import LocalBucket
from chalicelib.tenants.authentication import Authentication, Principal
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Mode, Permits
from shared_lua.scripts import Decision, Run

#: A permit outlives the Invocation's own deadline by this, as its record is written after its end.
PERMIT_GRACE_MS = 10_000
#: Redis is asked this often at most. A new process needs three: for the tenant's cache version, for the function's, and
#: for the admission. Keys or a function that change again between two questions need more.
MOST_QUESTIONS = 8


@dataclass(frozen=True, kw_only=True)
class _Attempt(Task):
    """A Task, and what it asks for now."""

    takes_permit: bool = False
    is_express: bool = False  #: it may go by the express lane


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The use-case."""

    authentication: Authentication
    targets: Targets
    mint: Mint
    home: Home
    outage: LocalBucket  #: limits what this process admits while Redis is down
    settings: Settings
    chance: Callable[[], float]  #: a random number from 0 up to 1, by which a weighted alias chooses the version

    def admit(self, principal: Principal, request: InvokeRequest) -> Admitted:
        """Admit an Invocation, with the permit that it needs if it is synchronous.

        A request with an Idempotency-Key gets no permit yet: see `take_permit`. Raises TooManyRequestsError,
        NotFoundError, UnavailableError, or what is wrong with the request.
        """
        runs_now = request.mode is Mode.SYNC and request.idempotency_key is None
        event = limits.event_text(request.event)
        attempt = _Attempt(
            invocation_id=str(uuid.uuid4()), request=request, event=event, takes_permit=runs_now, is_express=runs_now
        )
        try:
            return self._admit(principal, attempt)
        except UnavailableError:
            known = self._despite_the_outage(principal, attempt)
        return self._queued(principal, attempt, known.route, known)

    def admit_internal(self, tenant: str, request: InvokeRequest, invocation_id: str) -> Admitted:
        """Admit an asynchronous Invocation that the platform starts for a tenant, under this id.

        It takes no rate token, as nobody called. Raises NotFoundError, UnavailableError, or what is wrong with it.
        """
        task = Task(invocation_id=invocation_id, request=request, event=limits.event_text(request.event))
        route = self.targets.read(tenant, request.function, request.qualifier)
        return self._queued(self.authentication.anonymous(tenant), task, route, None)

    def take_permit(self, principal: Principal, request: InvokeRequest, invocation_id: str) -> None:
        """Take the permit of a synchronous Invocation that was admitted without one; raise as `admit` does."""
        attempt = _Attempt(invocation_id=invocation_id, request=request, event="", takes_permit=True)
        self._admit(principal.without_tokens(), attempt)

    def _admit(self, principal: Principal, attempt: _Attempt) -> Admitted:
        """Ask Redis, with what is remembered of the tenant and the function; read anew what it says is stale."""
        function, qualifier = attempt.request.function, attempt.request.qualifier
        known = self.targets.remembered(principal.tenant, function, qualifier)
        for _ in range(MOST_QUESTIONS):
            draft = self._draft(attempt, known.route if known else None)
            verdict = self.authentication.ask(principal, self._run(principal, attempt, known, draft))
            if verdict.decision is Decision.CREDENTIALS:
                principal = self.authentication.refreshed(principal, verdict)
            elif known is None or verdict.decision is Decision.RECORD:
                known = self.targets.learn(principal.tenant, function, qualifier, verdict.cache_version)
                principal = principal.without_tokens()
            elif draft:
                return dataclasses.replace(draft, decision=verdict.decision)
            else:
                return self._queued(principal, attempt, known.route, known)
        raise UnavailableError("The admission")

    def _draft(self, attempt: _Attempt, route: Route | None) -> Admitted | None:
        """Make the synchronous Invocation that Redis is asked to admit; None when there is none to be admitted."""
        if route is None or attempt.request.mode is not Mode.SYNC or _is_too_long(route):
            return None
        invocation = self.mint.sync(attempt, route.choose(self.chance()), route.arn)
        is_express = attempt.is_express and invocation.payload is not None
        return Admitted(invocation, attempt.event, item=encode(invocation) if is_express else "")

    def _run(self, principal: Principal, attempt: _Attempt, known: Known | None, draft: Admitted | None) -> Run:
        """Give what Redis is asked to admit: with a permit if it takes one now."""
        function, cache_version = attempt.request.function, known.cache_version if known else ""
        route = known.route if known else None
        if not attempt.takes_permit or route is None or draft is None:
            return Run(invocation_id=attempt.invocation_id, function=function, cache_version=cache_version)
        permits, version = self._permits(principal, route), draft.invocation.version
        return Run(
            invocation_id=attempt.invocation_id,
            function=function,
            cache_version=cache_version,
            permit_ms=(self.settings.sync_queue_s + version.timeout_s) * 1000 + PERMIT_GRACE_MS,
            reserved=permits.limit if permits.reserved else None,
            shared=permits.limit,
            waiting=self.settings.waiting,
            version_id=version.version_id,
            item=draft.item,
        )

    def _queued(self, principal: Principal, task: Task, route: Route | None, known: Known | None) -> Admitted:
        """Make the asynchronous Invocation; raise NotFoundError, or InvalidParameterError for a synchronous request.

        A synchronous request comes here only when its function does not exist, or runs too long to be waited for.
        """
        invocation = self._asynchronous(principal, task, self._existing(principal.tenant, task.request, route), known)
        return Admitted(invocation, task.event)

    def _existing(self, tenant: str, request: InvokeRequest, route: Route | None) -> Route:
        """Give the route; raise NotFoundError, or InvalidParameterError when nobody may wait so long."""
        if route is None:
            arn = self.home.arn(tenant, request.function, request.qualifier)
            raise NotFoundError(f"Function not found: {arn}")
        if request.mode is Mode.SYNC:
            raise InvalidParameterError(
                f"The function's timeout is {route.version.timeout_s} s, and nobody may wait for one of more than"
                f" {limits.MAX_SYNC_TIMEOUT_S} s: invoke it asynchronously"
            )
        return route

    def _asynchronous(self, principal: Principal, task: Task, route: Route, known: Known | None) -> Invocation:
        function, qualifier = task.request.function, task.request.qualifier
        event_invoke = self.targets.event_invoke(principal.tenant, function, qualifier, known)
        version, permits = route.choose(self.chance()), self._permits(principal, route)
        return self.mint.queued(task, version, route.arn, event_invoke, permits)

    def _permits(self, principal: Principal, route: Route) -> Permits:
        """Give the permits of a function: its own, or what the tenant's functions have not reserved."""
        if route.reserved is not None:
            return Permits(limit=route.reserved, reserved=True)
        permits = principal.caller.limits.concurrency or self.settings.tenant_concurrency
        return Permits(limit=max(0, permits - principal.caller.reserved), reserved=False)

    def _despite_the_outage(self, principal: Principal, attempt: _Attempt) -> Known:
        """Read the function of an asynchronous request while Redis is down, as far as `outage` allows.

        Raises UnavailableError for all others: the durable lane needs no Redis, a permit does.
        """
        request = attempt.request
        if request.mode is not Mode.ASYNC or not self.settings.accepts_without_redis or not self.outage.take():
            raise UnavailableError("Redis")
        return self.targets.learn(principal.tenant, request.function, request.qualifier, cache_version="")


def _is_too_long(route: Route) -> bool:
    return route.version.timeout_s > limits.MAX_SYNC_TIMEOUT_S
