"""Schedules: what makes a function run by the clock, how one is kept, and when it is due; never runs anything.

A schedule is three parts: its definition, a part of its function; its place in the one row of all that is due, whose
name begins with the due time, so that what is due is found without looking at what is not; and its entry among the
tenant's, by which they are counted.
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
    """What a tenant asks a schedule to be, checked at birth."""

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
    """One schedule. Its rhythm counts from `since_s`; `due_s` is when it runs next, None = not enabled, or never."""

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
        """Give the id of the Invocation that is due: the same however often it is asked for, so it is opened once."""
        return str(uuid.uuid5(uuid.UUID(self.incarnation), str(self.due_s)))


@dataclass(frozen=True)
class Schedules:
    """The use-cases. Whether there is such a function is for the caller to know."""

    items: Items
    cascade: Cascade
    now_us: Callable[[], int]

    def put(self, tenant: str, function: str, schedule_id: str, wanted: ScheduleRequest) -> tuple[Schedule, bool]:
        """Make or replace a schedule, and tell whether it is new; its rhythm begins now."""
        _check_id(schedule_id)
        for _ in range(TRIES):
            current = self.find(tenant, function, schedule_id)
            schedule = self._planned(tenant, function, schedule_id, wanted, current)
            acts = self._replacing(schedule, current) if current else self._adding(schedule)
            if self.items.transact(acts):
                return schedule, current is None
        raise ConflictError(f"Schedule {schedule_id} was changed by another request meanwhile. Look, then try again.")

    def get(self, tenant: str, function: str, schedule_id: str) -> Schedule:
        """Give a schedule; raise NotFoundError."""
        schedule = self.find(tenant, function, schedule_id)
        if schedule is None:
            raise _not_found(schedule_id)
        return schedule

    def find(self, tenant: str, function: str, schedule_id: str) -> Schedule | None:
        """Give a schedule, None when there is none."""
        item = self._item(tenant, function, schedule_id)
        return _schedule(item) if item else None

    def every(self, tenant: str, function: str) -> list[Schedule]:
        """Give all schedules of a function by their ids."""
        return [_schedule(item) for item in self.items.every(keys.function_items(tenant, function), keys.SCHEDULE)]

    def delete(self, tenant: str, function: str, schedule_id: str) -> None:
        """Forget a schedule; raise NotFoundError."""
        item = self._item(tenant, function, schedule_id)
        if item is None:
            raise _not_found(schedule_id)
        self.items.transact(self.cascade.removing(item))

    def due(self, after: str | None, most: int) -> tuple[list["Waiting"], str | None]:
        """Give schedules by when they are due, soonest first, and the name to go on after."""
        page, following = self.items.page(keys.due_schedules(), after=after, most=most)
        return [Waiting(**item.body, name=item.name) for item in page], following

    def drop(self, waiting: "Waiting") -> None:
        """Forget a due time that no schedule has any more."""
        self.items.remove(keys.due_schedules(), waiting.name)

    def move_on(self, schedule: Schedule) -> bool:
        """Plan the next due time after now, once; False when the schedule is another by now.

        However many due times have passed by, the next one lies ahead: what was missed is not run again and again.
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
            raise InvalidParameterError(f"{wanted.expression} never comes to pass")
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
            raise InvalidParameterError(f"A tenant may have {MAX_SCHEDULES} schedules: delete one that is not needed")
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
    """A schedule's place among all that will be due."""

    tenant: str
    function: str
    schedule_id: str
    due_s: int
    name: str


def shown_input(text: str | None) -> object:
    """Give the event that a schedule was told to send, None when it was told none."""
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
