"""The steps of the ledger's rows, as a table, and the condition of every write, generated from it.

Both halves write rows, and several workers may write the same one at a time. Which writes may follow which is decided
here and nowhere else: a write whose row is not in one of its step's states is refused by DynamoDB, and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared_lua.contract import TERMINAL, Status

#: Where a row stands; None: there is no row.
State = Status | None


class Step(StrEnum):
    """What is done to a row."""

    OPEN = "open"  #: recorded, before it goes to the durable lane
    NOTE = "note"  #: recorded as running, as the caller of an express Invocation waits no longer
    CLAIM = "claim"  #: a worker takes a Delivery of it; a later Delivery takes over from one that is under way
    HOLD = "hold"  #: its worker keeps it from later Deliveries for a while
    RETRY = "retry"  #: the function failed, and is to be tried again: it waits for its next Delivery
    SETTLE = "settle"  #: its worker writes the terminal record
    RECORD = "record"  #: the terminal record of an express Invocation, written once, at its end
    CANCEL = "cancel"  #: removed, as no lane took it
    REDRIVE = "redrive"  #: marked: another Invocation runs in its place


@dataclass(frozen=True)
class Way:
    """The states a step may begin in, and those it may lead to."""

    before: frozenset[State]
    after: frozenset[State]


def _way(before: set[State], after: set[State]) -> Way:
    return Way(frozenset(before), frozenset(after))


_ENDS: set[State] = set(TERMINAL)
_GIVEN_UP: set[State] = {Status.EXPIRED, Status.ABANDONED}

#: What the durable lane brings has a row from the beginning, and must be claimed before it can end: nothing goes from
#: queued to an end. An express Invocation is claimed in Redis (it is in flight at one worker), so that its row, if
#: there is one at all, is of a caller that no longer waits: it goes from no row, or from running, to its end. When its
#: row is queued, the worker was taken for dead and the durable lane has it: the express end is superseded.
STEPS: Mapping[Step, Way] = {
    Step.OPEN: _way({None}, {Status.QUEUED}),
    Step.NOTE: _way({None}, {Status.RUNNING}),
    Step.CLAIM: _way({Status.QUEUED, Status.RUNNING}, {Status.RUNNING}),
    Step.HOLD: _way({Status.RUNNING}, {Status.RUNNING}),
    Step.RETRY: _way({Status.RUNNING}, {Status.QUEUED}),
    Step.SETTLE: _way({Status.RUNNING}, _ENDS),
    Step.RECORD: _way({None, Status.RUNNING}, _ENDS),
    Step.CANCEL: _way({None, Status.QUEUED}, {None}),
    Step.REDRIVE: _way(_GIVEN_UP, _GIVEN_UP),
}


class IllegalStepError(RuntimeError):
    """A step was to lead where the table has no way to: a bug, and nothing was written."""


def conditional(
    step: Step,
    to: State,
    *,
    update: str | None = None,
    also: str | None = None,
    values: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Give a DynamoDB write's expressions, with which it does this step or nothing; raise IllegalStepError.

    `update` is the UpdateExpression, in which `#status` and `:to` stand for the new status. `also` is what must be true
    of a row besides its status. `values` are of the names that both use.
    """
    if to not in STEPS[step].after:
        raise IllegalStepError(f"{step} does not lead to {to}")
    condition, statuses = _condition(step, also)
    used = {**statuses, **(values or {}), **({":to": {"S": to}} if update and ":to" in update else {})}
    names = {"#status": "status"} if "#status" in condition + (update or "") else {}
    return {
        "ConditionExpression": condition,
        **({"UpdateExpression": update} if update else {}),
        **({"ExpressionAttributeNames": names} if names else {}),
        **({"ExpressionAttributeValues": used} if used else {}),
    }


def _condition(step: Step, also: str | None) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """Give the condition that a row is in one of the states a step begins in, and the values of its names."""
    before = STEPS[step].before
    statuses: dict[str, Mapping[str, Any]] = {
        f":{status}": {"S": status} for status in sorted(state for state in before if state)
    }
    ways = ["attribute_not_exists(invocation_id)"] if None in before else []
    if statuses:
        ways.append(f"#status IN ({', '.join(statuses)})" + (f" AND {also}" if also else ""))
    return " OR ".join(ways), statuses
