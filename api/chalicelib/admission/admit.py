"""Lets Invocations in: may it go, and what does it get; one round trip to Redis as long as nothing has changed."""

import dataclasses
import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.admission.targets import Known, Targets
from chalicelib.config import Settings
from chalicelib.errors import InvalidParameterError, NotFoundError, UnavailableError
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.functions.routing import Route
from chalicelib.naming import Home
from chalicelib.storage.local_bucket import LocalBucket
from chalicelib.tenants.authentication import Authentication, Principal
from shared_lua.contract import Mode, Permits, Version
from shared_lua.scripts import Decision, Run, Verdict

#: A permit outlives the Invocation's own deadline by this, as its record is written after its end.
PERMIT_GRACE_MS = 10_000


@dataclass(frozen=True)
class Wanted:
    """What a visitor wants to be run."""

    function: str
    qualifier: str | None
    mode: Mode
    #: gives the Invocation that an admission makes, as contract JSON for the express lane; None for the durable lane
    express: Callable[["Admitted"], str] | None = None
    takes_permit: bool = True  #: False = `take_permit` is called later, when it is certain that it is to be run


@dataclass(frozen=True)
class Admitted:
    """An Invocation that may go."""

    invocation_id: str
    version: Version
    arn: str  #: as the caller named it
    permits: Permits | None = None  #: among which it needs one to run; None when it has one
    decision: Decision = Decision.GO  #: how: EXPRESS, WAITS, or GO when its lane is still to be given it
    event_invoke: EventInvoke | None = None  #: what is done about it; None when somebody waits


class Admission:
    """Asks for Invocations. `outage` is what goes while Redis is down, a process; `chance` draws between versions."""

    def __init__(  # noqa: PLR0913  (everything that decides on an Invocation)
        self,
        *,
        authentication: Authentication,
        targets: Targets,
        home: Home,
        outage: LocalBucket,
        settings: Settings,
        chance: Callable[[], float],
    ) -> None:
        self._authentication = authentication
        self._targets = targets
        self._home = home
        self._outage = outage
        self._settings = settings
        self._chance = chance

    def admit(self, principal: Principal, wanted: Wanted) -> Admitted:
        """Admit an Invocation; raise TooManyRequestsError, NotFoundError or UnavailableError."""
        invocation_id = str(uuid.uuid4())
        try:
            return self._current(principal, wanted, invocation_id)
        except UnavailableError:
            known = self._despite_the_outage(principal, wanted)
        return self._admitted(principal, wanted, known.route, known, invocation_id)

    def inside(self, tenant: str, wanted: Wanted, invocation_id: str) -> Admitted:
        """Admit what the platform runs for a tenant by itself, under this id; raise NotFoundError or UnavailableError.

        It takes no rate token: nobody called. Its permit it takes as it runs.
        """
        route = self._targets.read(tenant, wanted.function, wanted.qualifier)
        return self._admitted(self._authentication.anonymous(tenant), wanted, route, None, invocation_id)

    def take_permit(self, principal: Principal, wanted: Wanted, invocation_id: str) -> None:
        """Take the permit of a synchronous Invocation that was admitted without one; raise as `admit` does."""
        self._current(principal.without_dues(), dataclasses.replace(wanted, takes_permit=True), invocation_id)

    def _current(self, principal: Principal, wanted: Wanted, invocation_id: str) -> Admitted:
        """Admit by what is remembered of the function, if it is so still, else by what is looked up then."""
        known = self._targets.remembered(principal.tenant, wanted.function, wanted.qualifier)
        principal, verdict, draft = self._ask(principal, wanted, known, invocation_id)
        while known is None or verdict.decision is Decision.RECORD:
            known = self._targets.learn(principal.tenant, wanted.function, wanted.qualifier, verdict.cache_version)
            principal, verdict, draft = self._ask(principal.without_dues(), wanted, known, invocation_id)
        if draft is None:
            return self._admitted(principal, wanted, known.route, known, invocation_id)
        return dataclasses.replace(draft, decision=verdict.decision)

    def _admitted(
        self, principal: Principal, wanted: Wanted, route: Route | None, known: Known | None, invocation_id: str
    ) -> Admitted:
        """Give what runs by the durable lane; raise NotFoundError, or InvalidParameterError when nobody may wait."""
        if route is None:
            arn = self._home.arn(principal.tenant, wanted.function, wanted.qualifier)
            raise NotFoundError(f"Function not found: {arn}")
        if _is_too_long(route, wanted):
            raise InvalidParameterError(
                f"The function's timeout is {route.version.timeout_s} s, and nobody may wait for one of more than"
                f" {limits.MAX_SYNC_TIMEOUT_S} s: invoke it asynchronously"
            )
        admitted = Admitted(invocation_id, route.choose(self._chance()), route.arn)
        if wanted.mode is Mode.SYNC:
            return admitted
        event_invoke = self._targets.event_invoke(principal.tenant, wanted.function, wanted.qualifier, known)
        return dataclasses.replace(admitted, permits=self._permits(principal, route), event_invoke=event_invoke)

    def _ask(
        self, principal: Principal, wanted: Wanted, known: Known | None, invocation_id: str
    ) -> tuple[Principal, Verdict, Admitted | None]:
        """Ask for the Invocation as it would be by what is known; give it too, None when nobody would wait for it."""
        route = known.route if known else None
        draft = None
        if route and wanted.mode is Mode.SYNC and not _is_too_long(route, wanted):
            draft = Admitted(invocation_id, route.choose(self._chance()), route.arn)
        cache_version = known.cache_version if known else ""
        run = functools.partial(Run, invocation_id=invocation_id, function=wanted.function, cache_version=cache_version)
        principal, verdict = self._authentication.admit(
            principal, lambda asking: self._permited(run, asking, wanted, route, draft)
        )
        return principal, verdict, draft

    def _permited(
        self, run: Callable[..., Run], principal: Principal, wanted: Wanted, route: Route | None, draft: Admitted | None
    ) -> Run:
        """Make the Run, with the permit that it needs now if it needs one."""
        if not wanted.takes_permit or route is None or draft is None:
            return run()
        permits = self._permits(principal, route)
        return run(
            permit_ms=(self._settings.sync_queue_s + draft.version.timeout_s) * 1000 + PERMIT_GRACE_MS,
            reserved=permits.limit if permits.reserved else None,
            shared=permits.limit,
            waiting=self._settings.waiting,
            version_id=draft.version.version_id,
            item=wanted.express(draft) if wanted.express else "",
        )

    def _permits(self, principal: Principal, route: Route) -> Permits:
        """Give the permits of a function: its own, or what the tenant's functions have not reserved."""
        if route.reserved is not None:
            return Permits(limit=route.reserved, reserved=True)
        permits = principal.caller.limits.concurrency or self._settings.tenant_concurrency
        return Permits(limit=max(0, permits - principal.caller.reserved), reserved=False)

    def _despite_the_outage(self, principal: Principal, wanted: Wanted) -> Known:
        """Let a little work that nobody waits for into the durable lane, which needs no Redis; refuse the rest."""
        if wanted.mode is not Mode.ASYNC or not self._settings.accepts_without_redis or not self._outage.take():
            raise UnavailableError("Redis")
        return self._targets.learn(principal.tenant, wanted.function, wanted.qualifier, cache_version="")


def _is_too_long(route: Route, wanted: Wanted) -> bool:
    return wanted.mode is Mode.SYNC and route.version.timeout_s > limits.MAX_SYNC_TIMEOUT_S
