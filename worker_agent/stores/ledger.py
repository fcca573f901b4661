"""The ledger, as the worker sees it: DynamoDB; takes a claim, writes the one terminal record, never overwrites one.

With the record goes its part of the day's sums, in one transaction: what is charged once is summed up once.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shared_lua import keys, rows
from shared_lua.codec import decode, encode
from shared_lua.contract import TERMINAL, Invocation, Settlement, Status, Version, enqueue_generation_of
from shared_lua.daily_usage import KEEP_DAYS, SHARDS, DailyUsage, daily_usage_of, day_of
from worker_agent.clock import now_us
from worker_agent.errors import AwsUnavailableError, ClaimHeldError
from worker_agent.stores.aws_errors import aws_call

_NAMES = {"#status": "status"}
_OPEN = {":" + status: {"S": status} for status in sorted(set(Status) - TERMINAL)}
_IS_OPEN = f"#status IN ({', '.join(_OPEN)})"

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


class UnknownInvocationError(Exception):
    """There is no such row: the caller was told that its request was not accepted, so it must not run."""


class SupersededError(Exception):
    """The Invocation was put into the lane anew and that message is being worked on: this one is of no more use."""


class TriedError(Exception):
    """This try is recorded already, and the Invocation waits for its next one: its Delivery is to bring that."""

    def __init__(self, tries: int) -> None:
        super().__init__(f"{tries} tries are recorded")
        self.tries = tries


class Ledger:
    """The table of Invocations, and in the table of parts the sums of what they took."""

    def __init__(self, dynamodb: Any, table: str, items_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._items_table = items_table

    def claim(self, invocation_id: str, fence: int, tries: int = 0) -> Settlement | None:
        """Take the row for the Delivery of this fence; give its Settlement when it is settled, None when it may run.

        A row whose fence is as high or higher is another worker's (ClaimHeldError), and so is one with a lease in
        force, whatever its fence; if it is of a later hand-over, this Delivery will never be wanted again
        (SupersededError). So it is when more than these `tries` are recorded and the next is under way; while that
        one waits, this Delivery may be all that can bring it (TriedError).
        """
        now = {"N": str(now_us())}
        condition, after = _after(tries)
        values = {":running": {"S": Status.RUNNING}, ":attempt": {"N": str(fence)}, ":now": now, **after, **_OPEN}
        won = self._update(
            invocation_id,
            "SET #status = :running, attempt = :attempt",
            f"{_IS_OPEN} AND attempt < :attempt AND {condition} AND {_IS_FREE}",
            values,
        )
        if won:
            return None
        row = self._read(invocation_id)
        if settled := _standing(row, tries):
            return settled
        held = int(row["attempt"]["N"])
        if enqueue_generation_of(held) > enqueue_generation_of(fence):
            raise SupersededError(f"hand-over {enqueue_generation_of(held)} of {invocation_id} is under way")
        raise ClaimHeldError(f"a delivery with fence {held} is under way", _wait_s(row))

    def hold(self, invocation_id: str, until_us: int) -> None:
        """Keep an open row from every other attempt until then, by this host's clock, whatever its Delivery does."""
        values = {":until": {"N": str(until_us)}, **_OPEN}
        self._update(invocation_id, "SET held_until_us = :until", _IS_OPEN, values)

    def standing(self, invocation_id: str, tries: int = 0) -> Settlement | None:
        """Give the Settlement of a row, None while there is none; raise UnknownInvocationError without a row.

        Raise TriedError or SupersededError, as `claim` does, when more than these `tries` are recorded.
        """
        return _standing(self._read(invocation_id), tries)

    def before(self, invocation_id: str) -> Settlement | None:
        """Give what the tries recorded so far took and cost together, and how the last of them ended; None for none."""
        row = self._read(invocation_id)
        return decode(Settlement, row["tried"]["S"]) if "tried" in row else None

    def retry(self, so_far: Settlement, tries: int) -> bool:
        """Record a try that is to be followed by another, with all those before it; the row is queued again.

        False when it is recorded already, or the row is settled: of tries that overlap the first to be recorded counts.
        """
        condition, after = _after(tries)
        values = {":tried": {"S": encode(so_far)}, ":made": {"N": str(so_far.tries)}, **after, **_OPEN}
        update = "SET #status = :queued, tried = :tried, tries = :made REMOVE held_until_us"
        return self._update(so_far.invocation_id, update, f"{_IS_OPEN} AND {condition}", values)

    def settle(self, version: Version, settlement: Settlement, tries: int = 0) -> bool:
        """Write the terminal record and add it to its day's sums; False when there is one already, which then stands.

        Both or neither: a second Settlement of the same Invocation adds nothing either. False as well when not exactly
        these `tries` are recorded: the Settlement would leave some of them out.
        """
        record = self._record(settlement, tries)

        def attempt() -> bool | None:
            codes = self._transact([record, self._addition(version, settlement)])
            if codes and codes[0] == "ConditionalCheckFailed":
                return False
            return None if codes else True

        return _until_through(attempt)

    def open(self, invocation: Invocation) -> bool:
        """Record an Invocation that has no row yet; False when it has one that is settled."""
        item = rows.queued(invocation)
        with aws_call("the ledger", "write"):
            try:
                self._dynamodb.put_item(
                    TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(invocation_id)"
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                return "settlement" not in self._read(invocation.invocation_id)
        return True

    def record(self, ends: Sequence[End]) -> None:
        """Write the ends of up to BATCH Invocations that may have no row yet, and add them to their days' sums.

        Each goes with its sums; those that have ended already stand as they are, and are not added again.
        """
        for part in _parts({invocation.invocation_id: (invocation, settlement) for invocation, settlement in ends}):
            self._record_part(part)

    def _record_part(self, left: dict[str, End]) -> None:
        """Write ends that one transaction takes."""

        def attempt() -> bool | None:
            ends = list(left.values())
            codes = self._transact([self._ending(*one) for one in ends] + self._additions(ends)) if ends else []
            for (invocation, _), code in zip(ends, codes, strict=False):
                if code == "ConditionalCheckFailed":  # it had ended before
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
        return {
            "Put": {
                "TableName": self._table,
                "Item": rows.settled(invocation, settlement),
                "ConditionExpression": f"attribute_not_exists(invocation_id) OR {_IS_OPEN}",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": _OPEN,
            }
        }

    def _additions(self, ends: list[End]) -> list[dict[str, Any]]:
        """Give one act for each function and day: a transaction may touch an item only once."""
        sums: dict[tuple[str, str, str], DailyUsage] = {}
        for invocation, settlement in ends:
            version = invocation.version
            key = version.tenant, version.function, day_of(settlement.settled_at_us)
            sums[key] = sums.get(key, DailyUsage()) + daily_usage_of(settlement)
        at_us = ends[0][1].settled_at_us
        return [self._adding(tenant, function, day, added, at_us) for (tenant, function, day), added in sums.items()]

    def _record(self, settlement: Settlement, tries: int) -> dict[str, Any]:
        """Give the act of writing the terminal record over an open row; what is recorded of tries is part of it."""
        condition, after = _after(tries)
        values = {":to": {"S": settlement.outcome.status}, ":settlement": {"S": encode(settlement)}, **after, **_OPEN}
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(settlement.invocation_id),
                "UpdateExpression": "SET #status = :to, settlement = :settlement REMOVE tried",
                "ConditionExpression": f"{_IS_OPEN} AND {condition}",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": values,
            }
        }

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

    def _update(self, invocation_id: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        """Update the row if the condition holds; False when it does not, or there is no such row."""
        with aws_call("the ledger", "write"):
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(invocation_id),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_NAMES,
                    ExpressionAttributeValues=values,
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def _read(self, invocation_id: str) -> dict[str, Any]:
        with aws_call("the ledger", "read"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(invocation_id), ConsistentRead=True)
        if "Item" not in answer:
            raise UnknownInvocationError(f"the ledger has no row of {invocation_id}")
        row: dict[str, Any] = answer["Item"]
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


def _after(tries: int) -> tuple[str, dict[str, Any]]:
    """Give the condition, with its values, that exactly so many tries are recorded."""
    if tries == 0:
        return "attribute_not_exists(tries)", {}
    return "tries = :tries", {":tries": {"N": str(tries)}}


def _standing(row: dict[str, Any], tries: int) -> Settlement | None:
    """Give the Settlement of a row; None while it is as open as one with these tries recorded should be."""
    if "settlement" in row:
        return decode(Settlement, row["settlement"]["S"])
    recorded = int(row["tries"]["N"]) if "tries" in row else 0
    if recorded > tries and row["status"]["S"] == Status.QUEUED:
        raise TriedError(recorded)
    if recorded > tries:  # whoever runs it holds the message that brought it
        raise SupersededError(f"try {recorded + 1} of {row['invocation_id']['S']} is under way")
    return None


def _key(invocation_id: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in keys.invocation_row(invocation_id).items()}
