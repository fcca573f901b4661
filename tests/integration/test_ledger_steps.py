"""Every step of the ledger tried on a row in every state, with the conditions that both halves really write.

What may follow what is written out here once more, by hand: the table in `shared_lua.steps` is the source of the
conditions, and a step that is added to it, or taken from it, must be noticed.
"""

import dataclasses
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from chalicelib.invocations.ledger import Ledger as ControllersLedger
from chalicelib.invocations.ledger import Row
from chalicelib.storage.items import Items

from shared_lua import rows
from shared_lua.contract import TERMINAL, Invocation, Outcome, Settlement, Status, fence
from shared_lua.steps import STEPS, IllegalStepError, Step, conditional
from tests.builders import invocation
from worker_agent.errors import ClaimHeldError
from worker_agent.stores.ledger import Ledger as WorkersLedger
from worker_agent.stores.ledger import UnknownInvocationError

pytestmark = pytest.mark.aws

QUEUED, RUNNING, ENDS = Status.QUEUED, Status.RUNNING, sorted(TERMINAL)
STATES = (None, *Status)

#: (what is done, the state before) → the state after. What is not here changes nothing.
EXPECTED: dict[tuple[str, Status | None], Status | None] = {
    ("open", None): QUEUED,
    ("open_in_transaction", None): QUEUED,
    ("requeue_by_worker", None): QUEUED,
    ("requeue_by_controller", None): QUEUED,
    ("note", None): RUNNING,
    ("claim", QUEUED): RUNNING,
    ("claim", RUNNING): RUNNING,
    ("hold", RUNNING): RUNNING,
    ("retry", RUNNING): QUEUED,
    **{(f"settle_{end}", RUNNING): end for end in ENDS},
    **{(f"record_{end}", before): end for end in ENDS for before in (None, RUNNING)},
    ("cancel", None): None,
    ("cancel", QUEUED): None,
    ("redrive", Status.EXPIRED): Status.EXPIRED,
    ("redrive", Status.ABANDONED): Status.ABANDONED,
}


def settlement(status: Status, invocation_id: str = "i-1") -> Settlement:
    outcome = Outcome(status=status, payload="1")
    return Settlement(invocation_id=invocation_id, outcome=outcome, attempt=1, settled_at_us=0)


@dataclass
class World:
    """One row's table, and both halves' ledgers."""

    dynamodb: Any
    data: dict[str, str]

    def __post_init__(self) -> None:
        self.table = self.data["InvocationsTable"]
        self.worker = WorkersLedger(self.dynamodb, self.table, self.data["ItemsTable"])
        self.controller = ControllersLedger(self.dynamodb, self.table)
        self.items = Items(self.dynamodb, self.data["ItemsTable"])

    def put(self, one: Invocation, state: Status | None) -> None:
        """Have the row of an Invocation in this state."""
        if state is None:
            return
        if state in TERMINAL:
            item = rows.settled(one, settlement(state, one.invocation_id))
        else:
            item = rows.queued(one) if state is QUEUED else rows.running(one)
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def read(self, one: Invocation) -> dict[str, Any] | None:
        key = {"invocation_id": {"S": one.invocation_id}}
        found: dict[str, Any] | None = self.dynamodb.get_item(TableName=self.table, Key=key).get("Item")
        return found

    def redrive(self, one: Invocation, state: Status | None) -> None:
        """Mark a row as the controller does, which has read it in this state."""
        row = Row(
            invocation_id=one.invocation_id,
            tenant="t",
            function="f",
            status=Status.EXPIRED if state not in (Status.EXPIRED, Status.ABANDONED) else state,
            attempt=1,
            tries=0,
            created_at_us=0,
            settlement=None,
        )
        [marking, _] = self.controller.redriving(row, dataclasses.replace(one, invocation_id="new"))
        self.items.transact([marking])

    def acts(self) -> dict[str, Callable[[Invocation, Status | None], object]]:
        """Everything that is done to a row, by name; whether it was done is read from the row."""
        return {
            "open": lambda one, _: self.controller.open_once(one),
            "open_in_transaction": lambda one, _: self.items.transact([self.controller.opening(one)]),
            "requeue_by_worker": lambda one, _: self.worker.requeue(one),
            "requeue_by_controller": lambda one, _: self.controller.requeue(one),
            "note": lambda one, _: self.controller.note_running(one),
            "claim": lambda one, _: self.worker.claim(one.invocation_id, fence(0, 2)),
            "hold": lambda one, _: self.worker.hold(one.invocation_id, 1),
            "retry": lambda one, _: self.worker.retry(settlement(Status.FAILED, one.invocation_id), 0),
            **{f"settle_{end}": self._settling(end) for end in ENDS},
            **{f"record_{end}": self._recording(end) for end in ENDS},
            "cancel": lambda one, _: self.controller.forget(one.invocation_id),
            "redrive": self.redrive,
        }

    def _settling(self, end: Status) -> Callable[[Invocation, Status | None], object]:
        return lambda one, _: self.worker.settle(one.version, settlement(end, one.invocation_id), 0)

    def _recording(self, end: Status) -> Callable[[Invocation, Status | None], object]:
        return lambda one, _: self.worker.record([(one, settlement(end, one.invocation_id))])


def test_a_row_goes_where_the_table_says_and_nowhere_else(aws: Any, data: dict[str, str]) -> None:
    world = World(aws("dynamodb"), data)
    wrong = []

    for number, ((name, act), state) in enumerate(itertools.product(world.acts().items(), STATES)):
        one = invocation(invocation_id=f"i-{number}")
        world.put(one, state)
        before = world.read(one)
        try_it(act, one, state)
        after = world.read(one)

        expected = EXPECTED.get((name, state), "unchanged")
        status = Status(after["status"]["S"]) if after else None
        if expected == "unchanged" and after != before:
            wrong.append(f"{name} of {state} wrote {status}")
        if expected != "unchanged" and (status != expected or (after == before is not None)):
            wrong.append(f"{name} of {state} led to {status}, not {expected}")

    assert wrong == []


def try_it(act: Callable[[Invocation, Status | None], object], one: Invocation, state: Status | None) -> None:
    """Do it, or have it refused: a claim says so by an error."""
    with suppress(UnknownInvocationError, ClaimHeldError):
        act(one, state)


def test_the_table_has_the_steps_that_are_tried_here_and_no_other() -> None:
    written_out: dict[Step, tuple[set[Status | None], set[Status | None]]] = {}
    for (name, before), after in EXPECTED.items():
        step = Step("open" if name.startswith("requeue") else name.partition("_")[0])
        befores, afters = written_out.setdefault(step, (set(), set()))
        befores.add(before)
        afters.add(after)

    assert {step: (set(way.before), set(way.after)) for step, way in STEPS.items()} == written_out


def test_what_has_ended_is_followed_by_nothing_but_the_mark_of_a_redrive() -> None:
    leaving = {step for step, way in STEPS.items() if way.before & TERMINAL}

    assert leaving == {Step.REDRIVE}
    assert STEPS[Step.REDRIVE].after == STEPS[Step.REDRIVE].before


def test_a_step_that_leads_elsewhere_is_a_bug_that_writes_nothing() -> None:
    with pytest.raises(IllegalStepError, match="settle does not lead to queued"):
        conditional(Step.SETTLE, Status.QUEUED)


def test_an_end_counts_only_while_no_later_enqueue_generation_is_on_record(aws: Any, data: dict[str, str]) -> None:
    world, one = World(aws("dynamodb"), data), invocation()
    world.put(one, QUEUED)
    world.worker.claim("i-1", fence(1, 1))

    assert not world.worker.settle(one.version, settlement(Status.SUCCEEDED), 0)
    assert not world.worker.retry(settlement(Status.FAILED), 0)
    assert world.worker.retry(settlement(Status.FAILED), 1)
    assert not world.worker.retry(settlement(Status.FAILED), 1)
    assert world.worker.claim("i-1", fence(2, 1)) is None
    assert world.worker.settle(one.version, settlement(Status.SUCCEEDED), 2)


def test_what_a_worker_has_had_is_not_cancelled(aws: Any, data: dict[str, str]) -> None:
    world, one = World(aws("dynamodb"), data), invocation()
    world.put(one, QUEUED)
    world.worker.claim("i-1", fence(0, 1))
    world.worker.retry(settlement(Status.FAILED), 0)

    assert not world.controller.forget("i-1")
