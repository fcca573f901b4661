"""The worker's side of the ledger: claims Invocations and writes their one terminal record.

The terminal record and its part of the daily usage are written in one transaction: what is charged once is added up
once. The conditions of all writes come from `shared_lua.steps`. One number keeps late writes out, the row's fence: a
Delivery counts only while no later enqueue generation of its Invocation is on record.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shared_lua import keys, rows
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Settlement, Status, Version, enqueue_generation_of, fence
from shared_lua.daily_usage import KEEP_DAYS, SHARDS, DailyUsage, daily_usage_of, day_of
from shared_lua.steps import Step, conditional
from worker_agent.clock import now_us
from worker_agent.errors import AwsUnavailableError, ClaimHeldError
from worker_agent.stores.aws_errors import aws_call

#: Records written at once; with their sums they stay below the hundred acts of a transaction.
BATCH = 40

#: The most bytes of answers in one transaction, whose limit is 4 MB with everything in it.
MOST_BYTES = 2_500_000
#: The most bytes that a character takes inside JSON.
WORST = 6

#: How often a record is tried again at once when it met another transaction in its day's sums, and the longest pause.
MEETINGS = 10
LONGEST_PAUSE_S = 0.5

End = tuple[Invocation, Settlement]

_IS_FREE = "(attribute_not_exists(held_until_us) OR held_until_us <= :now)"
#: No later enqueue generation is on record.
_IS_NOT_LATER = "attempt < :later"


class UnknownInvocationError(Exception):
    """There is no such row: the caller was told that its request was not accepted, so it must not run."""


class SupersededError(Exception):
    """A later enqueue generation of the Invocation is being worked on: this Delivery is of no more use."""


class TriedError(Exception):
    """A try is recorded, and the Invocation waits for the enqueue generation after it, which may never have been sent.

    The worker that recorded the try may have died before it sent the next message: this Delivery is to bring it.
    """

    def __init__(self, enqueue_generation: int, tries: int) -> None:
        super().__init__(f"{tries} tries are recorded")
        self.enqueue_generation = enqueue_generation
        self.tries = tries


class Ledger:
    """The table of Invocations, and in the table of items the daily usage."""

    def __init__(self, dynamodb: Any, table: str, items_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._items_table = items_table

    def claim(self, invocation_id: str, delivery_fence: int) -> Settlement | None:
        """Claim the row for the Delivery of this fence; give its Settlement when it is settled, None when it may run.

        Raise ClaimHeldError when an attempt with the same or a higher fence is under way, or a lease is in force;
        SupersededError when that attempt is of a later enqueue generation; TriedError when the row waits for one.
        """
        won = self._update(
            invocation_id,
            conditional(
                Step.CLAIM,
                Status.RUNNING,
                update="SET #status = :to, attempt = :fence",
                also=f"attempt < :fence AND {_IS_FREE}",
                values={":fence": _number(delivery_fence), ":now": _number(now_us())},
            ),
        )
        if won:
            return None
        row = self._read(invocation_id)
        if settled := _standing(row, enqueue_generation_of(delivery_fence)):
            return settled
        raise ClaimHeldError(f"a delivery with fence {row['attempt']['N']} is under way", _wait_s(row))

    def hold(self, invocation_id: str, until_us: int) -> None:
        """Keep a running row from every other attempt until then, by this host's clock, whatever its Delivery does."""
        update = "SET held_until_us = :until"
        values = {":until": _number(until_us)}
        self._update(invocation_id, conditional(Step.HOLD, Status.RUNNING, update=update, values=values))

    def standing(self, invocation_id: str, enqueue_generation: int) -> Settlement | None:
        """Give the Settlement of a row, None while there is none; raise UnknownInvocationError without a row.

        Raise TriedError or SupersededError, as `claim` does, when a later enqueue generation is on record.
        """
        return _standing(self._read(invocation_id), enqueue_generation)

    def before(self, invocation_id: str) -> Settlement | None:
        """Give what the tries recorded so far took and cost together, and how the last of them ended; None for none."""
        row = self._read(invocation_id)
        return decode(Settlement, row["tried"]["S"]) if "tried" in row else None

    def retry(self, so_far: Settlement, enqueue_generation: int) -> bool:
        """Record a try of this generation that another is to follow, with all tries before it; the row is queued again.

        False when it is recorded already, or the row is settled: of tries that overlap the first to be recorded counts.
        """
        return self._update(
            so_far.invocation_id,
            conditional(
                Step.RETRY,
                Status.QUEUED,
                update="SET #status = :to, tried = :tried, attempt = :later REMOVE held_until_us",
                also=_IS_NOT_LATER,
                values={":tried": {"S": encode(so_far)}, ":later": _later(enqueue_generation)},
            ),
        )

    def settle(self, version: Version, settlement: Settlement, enqueue_generation: int) -> bool:
        """Write the terminal record and add it to its day's usage; False when there is one already, which then stands.

        Both or neither: a second Settlement of the same Invocation adds nothing either. False as well when a later
        enqueue generation is on record: this Settlement would leave out the tries that led to it.
        """
        record = self._record(settlement, enqueue_generation)

        def attempt() -> bool | None:
            codes = self._transact([record, self._addition(version, settlement)])
            if codes and codes[0] == "ConditionalCheckFailed":
                return False
            return None if codes else True

        return _until_through(attempt)

    def requeue(self, invocation: Invocation) -> bool:
        """Record an orphaned Invocation that has no row yet; False when it has ended, or was never accepted.

        One that has a row may still be orphaned: its caller noted that it runs, or a reaper that died had opened it.
        """
        with aws_call("the ledger", "write"):
            try:
                self._dynamodb.put_item(
                    TableName=self._table, Item=rows.queued(invocation), **conditional(Step.OPEN, Status.QUEUED)
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                row = self._find(invocation.invocation_id)
                return row is not None and "settlement" not in row  # a row that is gone was cancelled
        return True

    def record(self, ends: Sequence[End]) -> None:
        """Write the ends of up to BATCH express Invocations, and add them to the daily usage.

        Each is written together with its usage. Where an end is on record already, or the Invocation was given to the
        durable lane meanwhile, the row stands as it is and nothing is added.
        """
        for part in _parts({invocation.invocation_id: (invocation, settlement) for invocation, settlement in ends}):
            self._record_part(part)

    def _record_part(self, left: dict[str, End]) -> None:
        """Write ends that one transaction takes."""

        def attempt() -> bool | None:
            ends = list(left.values())
            codes = self._transact([self._ending(*one) for one in ends] + self._additions(ends)) if ends else []
            for (invocation, _), code in zip(ends, codes, strict=False):
                if code == "ConditionalCheckFailed":  # it had ended before, or is superseded
                    del left[invocation.invocation_id]
            return None if codes else True

        _until_through(attempt)

    def _transact(self, acts: list[dict[str, Any]]) -> list[str | None]:
        """Do all of it, or nothing: then give a code for each act, that of why not or None.

        Only a condition or another transaction may be why not; raise AwsUnavailableError for everything else.
        """
        with aws_call("the ledger", "write"):
            try:
                self._dynamodb.transact_write_items(TransactItems=acts)
                return []
            except self._dynamodb.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                if not {"ConditionalCheckFailed", "TransactionConflict"} & set(codes):
                    raise
                return codes

    def _ending(self, invocation: Invocation, settlement: Settlement) -> dict[str, Any]:
        """Give the act of writing the record of an express end, unless the row says that it is superseded."""
        expressions = conditional(
            Step.RECORD,
            settlement.outcome.status,
            also=_IS_NOT_LATER,
            values={":later": _later(invocation.enqueue_generation)},
        )
        return {"Put": {"TableName": self._table, "Item": rows.settled(invocation, settlement), **expressions}}

    def _additions(self, ends: list[End]) -> list[dict[str, Any]]:
        """Give one act for each function and day: a transaction may touch an item only once."""
        sums: dict[tuple[str, str, str], DailyUsage] = {}
        for invocation, settlement in ends:
            version = invocation.version
            key = version.tenant, version.function, day_of(settlement.settled_at_us)
            sums[key] = sums.get(key, DailyUsage()) + daily_usage_of(settlement)
        at_us = ends[0][1].settled_at_us
        return [self._adding(tenant, function, day, added, at_us) for (tenant, function, day), added in sums.items()]

    def _record(self, settlement: Settlement, enqueue_generation: int) -> dict[str, Any]:
        """Give the act of writing the terminal record over a running row; it includes the tries recorded there."""
        expressions = conditional(
            Step.SETTLE,
            settlement.outcome.status,
            update="SET #status = :to, settlement = :settlement REMOVE tried",
            also=_IS_NOT_LATER,
            values={":settlement": {"S": encode(settlement)}, ":later": _later(enqueue_generation)},
        )
        return {"Update": {"TableName": self._table, "Key": _key(settlement.invocation_id), **expressions}}

    def _addition(self, version: Version, settlement: Settlement) -> dict[str, Any]:
        """Give the act of adding a Settlement to one of the items of its function's day, whichever."""
        day, at_us = day_of(settlement.settled_at_us), settlement.settled_at_us
        return self._adding(version.tenant, version.function, day, daily_usage_of(settlement), at_us)

    def _adding(self, tenant: str, function: str, day: str, sums: DailyUsage, at_us: int) -> dict[str, Any]:
        part = keys.usage_item(day, function) + str(random.randrange(SHARDS))  # noqa: S311
        added = sums.fields()
        expires_s = at_us // 1_000_000 + KEEP_DAYS * 86_400
        return {
            "Update": {
                "TableName": self._items_table,
                "Key": {name: {"S": value} for name, value in keys.item_row(keys.usage_items(tenant), part).items()},
                "UpdateExpression": f"SET expires_s = :expires ADD {', '.join(f'{name} :{name}' for name in added)}",
                "ExpressionAttributeValues": {
                    ":expires": {"N": str(expires_s)},
                    **{f":{name}": {"N": str(number)} for name, number in added.items()},
                },
            }
        }

    def _update(self, invocation_id: str, expressions: dict[str, Any]) -> bool:
        """Update the row if its condition holds; False when it does not, or there is no such row."""
        with aws_call("the ledger", "write"):
            try:
                self._dynamodb.update_item(TableName=self._table, Key=_key(invocation_id), **expressions)
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def _read(self, invocation_id: str) -> dict[str, Any]:
        row = self._find(invocation_id)
        if row is None:
            raise UnknownInvocationError(f"the ledger has no row of {invocation_id}")
        return row

    def _find(self, invocation_id: str) -> dict[str, Any] | None:
        with aws_call("the ledger", "read"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(invocation_id), ConsistentRead=True)
        row: dict[str, Any] | None = answer.get("Item")
        return row


def _parts(ends: dict[str, End]) -> Iterator[dict[str, End]]:
    """Give the ends in parts that one transaction takes each: large answers may be more than that together."""
    part: dict[str, End] = {}
    size = 0
    for invocation_id, end in ends.items():
        most = WORST * len(end[1].outcome.payload or "")
        if part and size + most > MOST_BYTES:
            yield part
            part, size = {}, 0
        part[invocation_id] = end
        size += most
    yield part


def _until_through(attempt: Callable[[], bool | None]) -> bool:
    """Give what an attempt gives; None means that it met another transaction, which is through in a moment."""
    for meeting in range(MEETINGS):
        done = attempt()
        if done is not None:
            return done
        time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.01 * 2**meeting)))  # noqa: S311  (chance parts them)
    raise AwsUnavailableError("the ledger failed to write: too many settlements met in one item of the day's sums")


def _wait_s(row: dict[str, Any]) -> int | None:
    """Give the whole seconds, rounded up, until a row's lease ends; None when none is in force."""
    left_us = int(row["held_until_us"]["N"]) - now_us() if "held_until_us" in row else 0
    return -(-left_us // 1_000_000) if left_us > 0 else None


def _standing(row: dict[str, Any], enqueue_generation: int) -> Settlement | None:
    """Give the Settlement of a row; None while the row is open, and at this enqueue generation or before it."""
    if "settlement" in row:
        return decode(Settlement, row["settlement"]["S"])
    recorded = enqueue_generation_of(int(row["attempt"]["N"]))
    if recorded <= enqueue_generation:
        return None
    if row["status"]["S"] == Status.QUEUED:
        raise TriedError(recorded, decode(Settlement, row["tried"]["S"]).tries)
    raise SupersededError(f"enqueue generation {recorded} of {row['invocation_id']['S']} is under way")


def _later(enqueue_generation: int) -> dict[str, str]:
    """Give the lowest fence of the enqueue generation after this one."""
    return _number(fence(enqueue_generation + 1, 0))


def _number(number: int) -> dict[str, str]:
    return {"N": str(number)}


def _key(invocation_id: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in keys.invocation_row(invocation_id).items()}
