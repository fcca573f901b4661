"""Stores schedules and computes when each is due. `due` runs them.

A schedule is three items: its definition, under its function; its entry among all due times, whose name begins with the
time, so that a query finds what is due without reading the rest; and its entry under the tenant, which is counted.
"""

import dataclasses
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.errors import ConflictError, InvalidParameterError, NotFoundError
from chalicelib.functions.cascade import ELSEWHERE, Cascade
from chalicelib.schedules import cron
from chalicelib.storage.items import Act, Item, Items
from shared_lua import keys

MAX_SCHEDULES = 100  #: of one tenant
MAX_INPUT_BYTES = 8192  #: as EventBridge; far below what fits a message, so that no event of a schedule goes through S3

ID = re.compile(r"[a-zA-Z0-9._-]{1,64}")

TRIES = 5


@dataclass(frozen=True, kw_only=True)
class ScheduleRequest:
    """What a tenant asks a schedule to be. Wrong values raise InvalidParameterError."""

    expression: str
    input: str | None = None  #: the event as JSON text; None = an event like EventBridge's own
    enabled: bool = True
    qualifier: str | None = None

    def __post_init__(self) -> None:
        cron.parse(self.expression)
        input_bytes = len((self.input or "").encode())
        if input_bytes > MAX_INPUT_BYTES:
            raise InvalidParameterError(f"The input has {input_bytes} bytes; {MAX_INPUT_BYTES} are allowed")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One schedule.

    A rate counts from `since_s`; `due_s` is when it runs next, None when it is disabled or never will.
    """

    tenant: str
    function: str
    schedule_id: str
    wanted: ScheduleRequest
    incarnation: str  #: another one for a schedule that takes a deleted one's id
    created_s: int
    since_s: int
    due_s: int | None
    revision: str = field(default="", compare=False)

    def invocation_id(self) -> str:
        """Return the id of the Invocation that is due.

        It is the same for every process, so the ledger opens it once.
        """
        return str(uuid.uuid5(uuid.UUID(self.incarnation), str(self.due_s)))


@dataclass(frozen=True)
class Schedules:
    """The use-cases. The caller checks that the function exists."""

    items: Items
    cascade: Cascade
    now_us: Callable[[], int]

    def put(self, tenant: str, function: str, schedule_id: str, wanted: ScheduleRequest) -> tuple[Schedule, bool]:
        """Make or replace a schedule, whose rate counts from now; return it, and whether it is new."""
        _check_id(schedule_id)
        for _ in range(TRIES):
            current = self.find(tenant, function, schedule_id)
            schedule = self._planned(tenant, function, schedule_id, wanted, current)
            acts = self._replacing(schedule, current) if current else self._adding(schedule)
            if self.items.transact(acts):
                return schedule, current is None
        raise ConflictError(
            f"Schedule {schedule_id} was changed by another request at the same time. Read it again, then retry."
        )

    def get(self, tenant: str, function: str, schedule_id: str) -> Schedule:
        """Return a schedule; raise NotFoundError."""
        schedule = self.find(tenant, function, schedule_id)
        if schedule is None:
            raise _not_found(schedule_id)
        return schedule

    def find(self, tenant: str, function: str, schedule_id: str) -> Schedule | None:
        """Return a schedule, None when there is none."""
        item = self._item(tenant, function, schedule_id)
        return _schedule(item) if item else None

    def every(self, tenant: str, function: str) -> list[Schedule]:
        """Return all schedules of a function, ordered by id."""
        return [_schedule(item) for item in self.items.every(keys.function_items(tenant, function), keys.SCHEDULE)]

    def delete(self, tenant: str, function: str, schedule_id: str) -> None:
        """Delete a schedule; raise NotFoundError."""
        item = self._item(tenant, function, schedule_id)
        if item is None:
            raise _not_found(schedule_id)
        self.items.transact(self.cascade.removing(item))

    def due(self, after: str | None, most: int) -> tuple[list["Waiting"], str | None]:
        """Return a page of due times, the earliest first, and the name to continue after."""
        page, following = self.items.page(keys.due_schedules(), after=after, most=most)
        return [Waiting(**item.body, name=item.name) for item in page], following

    def drop(self, waiting: "Waiting") -> None:
        """Remove a due time that no schedule has any more."""
        self.items.remove(keys.due_schedules(), waiting.name)

    def move_on(self, schedule: Schedule) -> bool:
        """Plan the next due time; False when the schedule was changed in between.

        It lies in the future however many due times have passed: missed runs are made up for once, not one by one.
        """
        now_s = self.now_us() // 1_000_000
        since_s = schedule.due_s if schedule.due_s is not None else schedule.since_s
        due_s = cron.parse(schedule.wanted.expression).next_after(max(now_s, since_s), since_s)
        moved = dataclasses.replace(schedule, since_s=since_s, due_s=due_s)
        return self.items.transact(self._replacing(moved, schedule))

    def _item(self, tenant: str, function: str, schedule_id: str) -> Item | None:
        if not ID.fullmatch(schedule_id):
            return None
        return self.items.find(keys.function_items(tenant, function), keys.schedule_item(schedule_id))

    def _planned(
        self, tenant: str, function: str, schedule_id: str, wanted: ScheduleRequest, current: Schedule | None
    ) -> Schedule:
        now_s = self.now_us() // 1_000_000
        due_s = cron.parse(wanted.expression).next_after(now_s, now_s)
        if due_s is None:
            raise InvalidParameterError(f"{wanted.expression} matches no moment in the future")
        return Schedule(
            tenant=tenant,
            function=function,
            schedule_id=schedule_id,
            wanted=wanted,
            incarnation=current.incarnation if current else str(uuid.uuid4()),
            created_s=current.created_s if current else now_s,
            since_s=now_s,
            due_s=due_s if wanted.enabled else None,
        )

    def _adding(self, schedule: Schedule) -> list[Act]:
        partition = keys.tenant_schedules(schedule.tenant)
        guard = self.items.find(partition, keys.GUARD)
        if len(self.items.every(partition, keys.SCHEDULE)) >= MAX_SCHEDULES:
            raise InvalidParameterError(f"A tenant may have {MAX_SCHEDULES} schedules: delete one first")
        new_guard = Item(partition=partition, name=keys.GUARD, body={})
        return [
            self.items.replacing(new_guard, guard.revision) if guard else self.items.adding(new_guard),
            self.items.adding(Item(partition=partition, name=_entry(schedule), body={})),
            self.items.adding(_definition(schedule)),
            *self._waiting(schedule),
        ]

    def _replacing(self, schedule: Schedule, current: Schedule) -> list[Act]:
        acts = [self.items.replacing(_definition(schedule), current.revision)]
        if current.due_s is not None and current.due_s != schedule.due_s:
            acts.append(self.items.removing(keys.due_schedules(), _due_name(current)))
        return [*acts, *self._waiting(schedule)]

    def _waiting(self, schedule: Schedule) -> list[Act]:
        if schedule.due_s is None:
            return []
        named = ("tenant", "function", "schedule_id", "due_s")
        body = {name: getattr(schedule, name) for name in named}
        return [self.items.putting(Item(partition=keys.due_schedules(), name=_due_name(schedule), body=body))]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A schedule's entry among all due times."""

    tenant: str
    function: str
    schedule_id: str
    due_s: int
    name: str


def shown_input(text: str | None) -> object:
    """Return the event that a schedule sends, None when it sends EventBridge's own."""
    return json.loads(text) if text is not None else None


def _not_found(schedule_id: str) -> NotFoundError:
    return NotFoundError(f"Schedule not found: {schedule_id}")


def _check_id(schedule_id: str) -> None:
    if not ID.fullmatch(schedule_id):
        raise InvalidParameterError(
            f"{schedule_id!r} is no schedule's id: use 1 to 64 letters, digits, dots, hyphens and underscores"
        )


def _entry(schedule: Schedule) -> str:
    return keys.tenant_schedule(schedule.function, schedule.schedule_id)


def _due_name(schedule: Schedule) -> str:
    return keys.due_schedule(schedule.due_s or 0, schedule.tenant, schedule.function, schedule.schedule_id)


def _definition(schedule: Schedule) -> Item:
    body = dataclasses.asdict(schedule)
    del body["revision"]
    elsewhere = [[keys.tenant_schedules(schedule.tenant), _entry(schedule)]]
    if schedule.due_s is not None:
        elsewhere.append([keys.due_schedules(), _due_name(schedule)])
    return Item(
        partition=keys.function_items(schedule.tenant, schedule.function),
        name=keys.schedule_item(schedule.schedule_id),
        body=body | {ELSEWHERE: elsewhere},
    )


def _schedule(item: Item) -> Schedule:
    body = {name: value for name, value in item.body.items() if name != ELSEWHERE}
    return Schedule(**body | {"wanted": ScheduleRequest(**body["wanted"])}, revision=item.revision)
