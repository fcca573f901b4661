"""The controller's side of the Invocations table: opens rows and reads them; never settles one."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws_errors import is_refused_condition, needing
from chalicelib.errors import UnavailableError
from shared_lua import keys
from shared_lua.contract import Invocation, Settlement, Status, attempt_of, decode

PART = "The ledger of invocations (DynamoDB)"

#: How long a row is kept, as the payloads and results in S3 are.
KEEP_S = 14 * 24 * 3600


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


class Ledger:
    """Rows by Invocation; each method raises UnavailableError unless it says otherwise."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def open(self, invocation: Invocation) -> None:
        """Record an Invocation before any lane has it: work that is not recorded would be nobody's."""
        with needing(PART):
            self._dynamodb.put_item(TableName=self._table, Item=_queued(invocation))

    def open_once(self, invocation: Invocation) -> bool:
        """Record an Invocation whose id others may have taken before; False when one has."""
        condition = "attribute_not_exists(invocation_id)"
        with needing(PART):
            try:
                self._dynamodb.put_item(TableName=self._table, Item=_queued(invocation), ConditionExpression=condition)
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True

    def forget(self, invocation_id: str) -> None:
        """Remove a row whose Invocation no lane took, if the table can be reached; if not, the row expires."""
        with suppress(UnavailableError), needing(PART):
            self._dynamodb.delete_item(TableName=self._table, Key=_key(invocation_id))

    def find(self, invocation_id: str) -> Row | None:
        """Give the row, None when there is none."""
        with needing(PART):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(invocation_id), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def recent(self, tenant: str, function: str, most: int) -> list[Row]:
        """Give up to `most` rows of a function, newest first; the last moments may be missing."""
        with needing(PART):
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName="recent",
                KeyConditionExpression="tenant_function = :owner",
                ExpressionAttributeValues={":owner": {"S": keys.tenant_function(tenant, function)}},
                ScanIndexForward=False,
                Limit=most,
            )
        return [_row(item) for item in answer["Items"]]

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-")


def _key(invocation_id: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.invocation_row(invocation_id).items()}


def _queued(invocation: Invocation) -> dict[str, dict[str, str]]:
    created_us = invocation.admitted_at_us
    return {
        **_key(invocation.invocation_id),
        "tenant": {"S": invocation.version.tenant},
        "function": {"S": invocation.version.function},
        "tenant_function": {"S": keys.tenant_function(invocation.version.tenant, invocation.version.function)},
        "status": {"S": Status.QUEUED.value},
        "attempt": {"N": "0"},
        "created_us": {"N": str(created_us)},
        "expires_s": {"N": str(created_us // 1_000_000 + KEEP_S)},
    }


def _row(item: dict[str, dict[str, str]]) -> Row:
    return Row(
        invocation_id=item["invocation_id"]["S"],
        tenant=item["tenant"]["S"],
        function=item["function"]["S"],
        status=Status(item["status"]["S"]),
        attempt=attempt_of(int(item["attempt"]["N"])),
        tries=int(item["tries"]["N"]) if "tries" in item else 0,
        created_at_us=int(item["created_us"]["N"]),
        settlement=decode(Settlement, item["settlement"]["S"]) if "settlement" in item else None,
    )
