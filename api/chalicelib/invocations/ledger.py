"""The controller's side of the ledger: opens rows and reads them."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import InvalidParameterError, UnavailableError
from chalicelib.storage.aws_errors import is_refused_condition, needing
from chalicelib.storage.items import Act
from shared_lua import keys, rows
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Settlement, Status, attempt_of
from shared_lua.steps import Step, conditional

ITEMS = "The ledger of invocations (DynamoDB)"

#: What callers may ask for; a longer word would be no key of the table.
ID = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One Invocation as the ledger knows it."""

    invocation_id: str
    tenant: str
    function: str
    status: Status
    attempt: int
    tries: int  #: runs that ended in the function's error and were to be followed by another
    created_at_us: int
    settlement: Settlement | None
    redriven_as: str | None = None  #: the Invocation that runs in its place
    is_redriven: bool = False  #: and that one was queued for certain


class Ledger:
    """Rows by Invocation; each method raises UnavailableError unless it says otherwise."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def open(self, invocation: Invocation) -> None:
        """Record an Invocation before any lane has it: a worker drops what is not recorded.

        Without a condition, as its id was just made: a condition would fail when botocore sends a write again whose
        answer was lost.
        """
        with needing(ITEMS):
            self._dynamodb.put_item(TableName=self._table, Item=rows.queued(invocation))

    def open_once(self, invocation: Invocation) -> bool:
        """Record an Invocation unless its id is on record already; False when it is."""
        with needing(ITEMS):
            try:
                self._dynamodb.put_item(**self.opening(invocation)["Put"])
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True

    def requeue(self, invocation: Invocation) -> bool:
        """Record an orphaned Invocation that has no row yet; False when it has ended, or was never accepted.

        One that has a row may still be orphaned: its caller noted that it runs, or a reaper that died had opened it.
        """
        if self.open_once(invocation):
            return True
        row = self.find(invocation.invocation_id)
        return row is not None and row.settlement is None  # a row that is gone was cancelled

    def note_running(self, invocation: Invocation) -> None:
        """Record an Invocation of the express lane whose caller waits no longer, unless it has a row by now."""
        with suppress(UnavailableError), needing(ITEMS):
            self._dynamodb.put_item(
                TableName=self._table,
                Item=rows.running(invocation),
                **conditional(Step.NOTE, Status.RUNNING),
            )

    def opening(self, invocation: Invocation) -> Act:
        """Give the act of recording an Invocation, for a transaction with what must not be without its row."""
        expressions = conditional(Step.OPEN, Status.QUEUED)
        return {"Put": {"TableName": self._table, "Item": rows.queued(invocation), **expressions}}

    def redriving(self, row: Row, invocation: Invocation) -> list[Act]:
        """Give the acts of recording the Invocation that is to run in the place of one that was given up.

        They fail when another one has taken its place meanwhile. One that was recorded for it before and may never have
        been sent is cancelled unless a worker has it: a worker that gets its message still finds no row, and drops it.
        """
        values = {":new": {"S": invocation.invocation_id}}
        if row.redriven_as is None:
            return [self._marking(row, "attribute_not_exists(redriven_as)", values), self.opening(invocation)]
        is_ours = "redriven_as = :before AND attribute_not_exists(is_redriven)"
        before = {":before": {"S": row.redriven_as}}
        return [
            self._marking(row, is_ours, values | before),
            self._cancelling(row.redriven_as),
            self.opening(invocation),
        ]

    def redriven(self, row: Row, invocation: Invocation) -> None:
        """Note that what is to run in a row's place was queued."""
        with needing(ITEMS):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(row.invocation_id),
                UpdateExpression="SET is_redriven = :yes",
                ConditionExpression="redriven_as = :as",
                ExpressionAttributeValues={":yes": {"BOOL": True}, ":as": {"S": invocation.invocation_id}},
            )

    def _marking(self, row: Row, condition: str, values: dict[str, Any]) -> Act:
        expressions = conditional(
            Step.REDRIVE, row.status, update="SET redriven_as = :new", also=condition, values=values
        )
        return {"Update": {"TableName": self._table, "Key": _key(row.invocation_id), **expressions}}

    def _cancelling(self, invocation_id: str) -> Act:
        """Give the act of removing a row that no worker ever claimed, if it is there."""
        expressions = conditional(Step.CANCEL, None, also="attempt = :none", values={":none": {"N": "0"}})
        return {"Delete": {"TableName": self._table, "Key": _key(invocation_id), **expressions}}

    def forget(self, invocation_id: str) -> bool:
        """Delete a row that was never enqueued; False when a worker has claimed it, so that the send did succeed.

        True as well while the table cannot be reached: the row expires.
        """
        with suppress(UnavailableError), needing(ITEMS):
            try:
                self._dynamodb.delete_item(**self._cancelling(invocation_id)["Delete"])
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True

    def find(self, invocation_id: str) -> Row | None:
        """Give the row, None when there is none, or when the text cannot be an Invocation's id."""
        if not ID.fullmatch(invocation_id):
            return None
        with needing(ITEMS):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(invocation_id), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def recent(self, tenant: str, function: str, most: int) -> list[Row]:
        """Give up to `most` rows of a function, newest first; the last moments may be missing."""
        rows, _ = self.page(tenant, function, most)
        return rows

    def page(self, tenant: str, function: str, most: int, after: str | None = None) -> tuple[list[Row], str | None]:
        """Give what `recent` gives, and the word to go on after; raise InvalidParameterError when it is not ours."""
        start = {"ExclusiveStartKey": _place(tenant, function, after)} if after else {}
        with needing(ITEMS):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName="recent",
                KeyConditionExpression="tenant_function = :owner",
                ExpressionAttributeValues={":owner": {"S": keys.tenant_function(tenant, function)}},
                ScanIndexForward=False,
                Limit=most,
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        return [_row(item) for item in answer["Items"]], _word(last) if last else None

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-")


def row_of(invocation: Invocation, settlement: Settlement) -> Row:
    """Give the row that the ledger will have of an Invocation of the express lane that has ended."""
    return _row(rows.settled(invocation, settlement))


def _key(invocation_id: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.invocation_row(invocation_id).items()}


def _word(place: dict[str, dict[str, str]]) -> str:
    """Spell a place in the index `recent` of one function."""
    return f"{place['created_us']['N']}-{place['invocation_id']['S']}"


def _place(tenant: str, function: str, word: str) -> dict[str, dict[str, str]]:
    """Give the place that a word means. Who makes one up gets to another place of the same function's."""
    created_us, _, invocation_id = word.partition("-")
    if not re.fullmatch(r"[0-9]{1,17}", created_us) or not ID.fullmatch(invocation_id):
        raise InvalidParameterError("after must be a `next_after` that an earlier page gave")
    return {
        **_key(invocation_id),
        "tenant_function": {"S": keys.tenant_function(tenant, function)},
        "created_us": {"N": created_us},
    }


def _row(item: dict[str, dict[str, str]]) -> Row:
    return Row(
        invocation_id=item["invocation_id"]["S"],
        tenant=item["tenant"]["S"],
        function=item["function"]["S"],
        status=Status(item["status"]["S"]),
        attempt=attempt_of(int(item["attempt"]["N"])),
        tries=decode(Settlement, item["tried"]["S"]).tries if "tried" in item else 0,
        created_at_us=int(item["created_us"]["N"]),
        settlement=decode(Settlement, item["settlement"]["S"]) if "settlement" in item else None,
        redriven_as=item["redriven_as"]["S"] if "redriven_as" in item else None,
        is_redriven="is_redriven" in item,
    )
