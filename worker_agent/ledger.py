"""The ledger, as the worker sees it: DynamoDB; takes a claim, writes the one terminal record, never overwrites one.

With the record goes its part of the day's sums, in one transaction: what is charged once is summed up once.
"""

import random
import time
from typing import Any

from shared_lua import keys
from shared_lua.contract import TERMINAL, Settlement, Status, Version, decode, encode, hand_over_of
from shared_lua.sums import KEEP_DAYS, SHARDS, day_of, sums_of
from worker_agent.aws_errors import aws_call
from worker_agent.errors import AwsUnavailableError, ClaimHeldError

_NAMES = {"#status": "status"}
_OPEN = {":" + status: {"S": status} for status in sorted(set(Status) - TERMINAL)}
_IS_OPEN = f"#status IN ({', '.join(_OPEN)})"

#: How often a record is tried again at once when it met another transaction in its day's sums, and the longest pause.
MEETINGS = 10
LONGEST_PAUSE_S = 0.5

_IS_FREE = "(attribute_not_exists(held_until_us) OR held_until_us <= :now)"


class UnknownInvocationError(Exception):
    """There is no such row: the caller was told that its request was not accepted, so it must not run."""


class SupersededError(Exception):
    """The Invocation was put into the lane anew and that message is being worked on: this one is of no more use."""


class Ledger:
    """The table of Invocations, and in the table of parts the sums of what they took."""

    def __init__(self, dynamodb: Any, table: str, parts_table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._parts_table = parts_table

    def claim(self, invocation_id: str, fence: int) -> Settlement | None:
        """Take the row for the Delivery of this fence; give its Settlement when it is settled, None when it may run.

        A row whose fence is as high or higher is another worker's (ClaimHeldError), and so is one with a lease in
        force, whatever its fence; if it is of a later hand-over, this Delivery will never be wanted again
        (SupersededError).
        """
        now = {"N": str(time.time_ns() // 1000)}
        values = {":running": {"S": Status.RUNNING}, ":attempt": {"N": str(fence)}, ":now": now, **_OPEN}
        won = self._update(
            invocation_id,
            "SET #status = :running, attempt = :attempt",
            f"{_IS_OPEN} AND attempt < :attempt AND {_IS_FREE}",
            values,
        )
        if won:
            return None
        row = self._read(invocation_id)
        if settled := _settlement(row):
            return settled
        held = int(row["attempt"]["N"])
        if hand_over_of(held) > hand_over_of(fence):
            raise SupersededError(f"hand-over {hand_over_of(held)} of {invocation_id} is under way")
        raise ClaimHeldError(f"a delivery with fence {held} is under way", _wait_s(row))

    def hold(self, invocation_id: str, until_us: int) -> None:
        """Keep an open row from every other attempt until then, by this host's clock, whatever its Delivery does."""
        values = {":until": {"N": str(until_us)}, **_OPEN}
        self._update(invocation_id, "SET held_until_us = :until", _IS_OPEN, values)

    def standing(self, invocation_id: str) -> Settlement | None:
        """Give the Settlement of a row, None while there is none; raise UnknownInvocationError without a row."""
        return _settlement(self._read(invocation_id))

    def settle(self, version: Version, settlement: Settlement) -> bool:
        """Write the terminal record and add it to its day's sums; False when there is one already, which then stands.

        Both or neither: a second Settlement of the same Invocation adds nothing either.
        """
        acts = [self._record(settlement), self._addition(version, settlement)]
        for meeting in range(MEETINGS):
            with aws_call("the ledger", "write"):
                try:
                    self._dynamodb.transact_write_items(TransactItems=acts)
                    return True
                except self._dynamodb.exceptions.TransactionCanceledException as error:
                    codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                    if codes[0] == "ConditionalCheckFailed":
                        return False
                    if "TransactionConflict" not in codes:
                        raise
            # Two settlements of one function met in one item: the other one is through in a moment.
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.01 * 2**meeting)))  # noqa: S311  (chance parts them)
            acts[1] = self._addition(version, settlement)
        raise AwsUnavailableError("the ledger failed to write: too many settlements met in one item of the day's sums")

    def _record(self, settlement: Settlement) -> dict[str, Any]:
        """Give the act of writing the terminal record over an open row."""
        values = {":to": {"S": settlement.outcome.status}, ":settlement": {"S": encode(settlement)}, **_OPEN}
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(settlement.invocation_id),
                "UpdateExpression": "SET #status = :to, settlement = :settlement",
                "ConditionExpression": _IS_OPEN,
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": values,
            }
        }

    def _addition(self, version: Version, settlement: Settlement) -> dict[str, Any]:
        """Give the act of adding a Settlement to one of the items of its function's day, whichever."""
        part = keys.usage_part(day_of(settlement.settled_at_us), version.function) + str(random.randrange(SHARDS))  # noqa: S311
        added = sums_of(settlement).fields()
        expires_s = settlement.settled_at_us // 1_000_000 + KEEP_DAYS * 86_400
        return {
            "Update": {
                "TableName": self._parts_table,
                "Key": {
                    name: {"S": value} for name, value in keys.part_row(keys.usage_parts(version.tenant), part).items()
                },
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


def _wait_s(row: dict[str, Any]) -> int | None:
    """Give the whole seconds, rounded up, until a row's lease ends; None when none is in force."""
    left_us = int(row["held_until_us"]["N"]) - time.time_ns() // 1000 if "held_until_us" in row else 0
    return -(-left_us // 1_000_000) if left_us > 0 else None


def _settlement(row: dict[str, Any]) -> Settlement | None:
    return decode(Settlement, row["settlement"]["S"]) if "settlement" in row else None


def _key(invocation_id: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in keys.invocation_row(invocation_id).items()}
