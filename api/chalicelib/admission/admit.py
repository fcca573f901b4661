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
from chalicelib.tenants.authentication import Entrance, Visitor
from shared_lua.contract import Mode, Seats, Version
from shared_lua.scripts import Run, Verdict, Word

#: A seat outlives the Invocation's own deadline by this, as its record is written after its end.
SEAT_GRACE_MS = 10_000


@dataclass(frozen=True)
class Wanted:
    """What a visitor wants to be run."""

    function: str
    qualifier: str | None
    mode: Mode
    #: gives the Invocation that an admission makes, as contract JSON for the express lane; None for the durable lane
    express: Callable[["Admitted"], str] | None = None
    takes_seat: bool = True  #: False = `take_seat` is called later, when it is certain that it is to be run


@dataclass(frozen=True)
class Admitted:
    """An Invocation that may go."""

    invocation_id: str
    version: Version
    arn: str  #: as the caller named it
    seats: Seats | None = None  #: among which it needs one to run; None when it has one
    word: Word = Word.GO  #: how: EXPRESS, WAITS, or GO when its lane is still to be given it
    event_invoke: EventInvoke | None = None  #: what is done about it; None when somebody waits


class Admission:
    """Asks for Invocations. `outage` is what goes while Redis is down, a process; `chance` draws between versions."""

    def __init__(  # noqa: PLR0913  (everything that decides on an Invocation)
        self,
        *,
        entrance: Entrance,
        targets: Targets,
        home: Home,
        outage: LocalBucket,
        settings: Settings,
        chance: Callable[[], float],
    ) -> None:
        self._entrance = entrance
        self._targets = targets
        self._home = home
        self._outage = outage
        self._settings = settings
        self._chance = chance

    def admit(self, visitor: Visitor, wanted: Wanted) -> Admitted:
        """Admit an Invocation; raise TooManyRequestsError, NotFoundError or UnavailableError."""
        invocation_id = str(uuid.uuid4())
        try:
            return self._current(visitor, wanted, invocation_id)
        except UnavailableError:
            known = self._despite_the_outage(visitor, wanted)
        return self._admitted(visitor, wanted, known.route, known, invocation_id)

    def inside(self, tenant: str, wanted: Wanted, invocation_id: str) -> Admitted:
        """Admit what the platform runs for a tenant by itself, under this id; raise NotFoundError or UnavailableError.

        It takes no rate token: nobody called. Its seat it takes as it runs.
        """
        route = self._targets.read(tenant, wanted.function, wanted.qualifier)
        return self._admitted(self._entrance.stranger(tenant), wanted, route, None, invocation_id)

    def take_seat(self, visitor: Visitor, wanted: Wanted, invocation_id: str) -> None:
        """Take the seat of a synchronous Invocation that was admitted without one; raise as `admit` does."""
        self._current(visitor.without_dues(), dataclasses.replace(wanted, takes_seat=True), invocation_id)

    def _current(self, visitor: Visitor, wanted: Wanted, invocation_id: str) -> Admitted:
        """Admit by what is remembered of the function, if it is so still, else by what is looked up then."""
        known = self._targets.remembered(visitor.tenant, wanted.function, wanted.qualifier)
        visitor, verdict, draft = self._ask(visitor, wanted, known, invocation_id)
        while known is None or verdict.word is Word.RECORD:
            known = self._targets.learn(visitor.tenant, wanted.function, wanted.qualifier, verdict.generation)
            visitor, verdict, draft = self._ask(visitor.without_dues(), wanted, known, invocation_id)
        if draft is None:
            return self._admitted(visitor, wanted, known.route, known, invocation_id)
        return dataclasses.replace(draft, word=verdict.word)

    def _admitted(
        self, visitor: Visitor, wanted: Wanted, route: Route | None, known: Known | None, invocation_id: str
    ) -> Admitted:
        """Give what runs by the durable lane; raise NotFoundError, or InvalidParameterError when nobody may wait."""
        if route is None:
            arn = self._home.arn(visitor.tenant, wanted.function, wanted.qualifier)
            raise NotFoundError(f"Function not found: {arn}")
        if _is_too_long(route, wanted):
            raise InvalidParameterError(
                f"The function's timeout is {route.version.timeout_s} s, and nobody may wait for one of more than"
                f" {limits.MAX_SYNC_TIMEOUT_S} s: invoke it asynchronously"
            )
        admitted = Admitted(invocation_id, route.choose(self._chance()), route.arn)
        if wanted.mode is Mode.SYNC:
            return admitted
        event_invoke = self._targets.event_invoke(visitor.tenant, wanted.function, wanted.qualifier, known)
        return dataclasses.replace(admitted, seats=self._seats(visitor, route), event_invoke=event_invoke)

    def _ask(
        self, visitor: Visitor, wanted: Wanted, known: Known | None, invocation_id: str
    ) -> tuple[Visitor, Verdict, Admitted | None]:
        """Ask for the Invocation as it would be by what is known; give it too, None when nobody would wait for it."""
        route = known.route if known else None
        draft = None
        if route and wanted.mode is Mode.SYNC and not _is_too_long(route, wanted):
            draft = Admitted(invocation_id, route.choose(self._chance()), route.arn)
        generation = known.generation if known else ""
        run = functools.partial(Run, invocation_id=invocation_id, function=wanted.function, generation=generation)
        visitor, verdict = self._entrance.admit(visitor, lambda asking: self._seated(run, asking, wanted, route, draft))
        return visitor, verdict, draft

    def _seated(
        self, run: Callable[..., Run], visitor: Visitor, wanted: Wanted, route: Route | None, draft: Admitted | None
    ) -> Run:
        """Make the Run, with the seat that it needs now if it needs one."""
        if not wanted.takes_seat or route is None or draft is None:
            return run()
        seats = self._seats(visitor, route)
        return run(
            seat_ms=(self._settings.sync_queue_s + draft.version.timeout_s) * 1000 + SEAT_GRACE_MS,
            reserved=seats.limit if seats.reserved else None,
            shared=seats.limit,
            waiting=self._settings.waiting,
            version_id=draft.version.version_id,
            item=wanted.express(draft) if wanted.express else "",
        )

    def _seats(self, visitor: Visitor, route: Route) -> Seats:
        """Give the seats of a function: its own, or what the tenant's functions have not reserved."""
        if route.reserved is not None:
            return Seats(limit=route.reserved, reserved=True)
        seats = visitor.caller.limits.concurrency or self._settings.tenant_concurrency
        return Seats(limit=max(0, seats - visitor.caller.reserved), reserved=False)

    def _despite_the_outage(self, visitor: Visitor, wanted: Wanted) -> Known:
        """Let a little work that nobody waits for into the durable lane, which needs no Redis; refuse the rest."""
        if wanted.mode is not Mode.ASYNC or not self._settings.accepts_without_redis or not self._outage.take():
            raise UnavailableError("Redis")
        return self._targets.learn(visitor.tenant, wanted.function, wanted.qualifier, generation="")


def _is_too_long(route: Route, wanted: Wanted) -> bool:
    return wanted.mode is Mode.SYNC and route.version.timeout_s > limits.MAX_SYNC_TIMEOUT_S
