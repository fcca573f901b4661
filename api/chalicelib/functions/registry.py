"""The Functions table in DynamoDB; every write says what it has seen, and none is blind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chalicelib.functions.function import Failure, Function
from chalicelib.storage.aws_errors import needing
from chalicelib.storage.items import Act, Items
from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Version

ITEMS = "The table of functions (DynamoDB)"


@dataclass(frozen=True)
class Page:
    """Some functions of a tenant by name, and the name to go on after (None at the end)."""

    functions: list[Function]
    next_after: str | None


class Registry:
    """Functions by tenant and name. Each method raises UnavailableError when the table does not answer.

    What belongs to a function lies among the parts, and changes in one transaction with the function's row.
    """

    def __init__(self, dynamodb: Any, table: str, items: Items) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._items = items

    def find(self, tenant: str, name: str) -> Function | None:
        """Give the function, None when there is none."""
        with needing(ITEMS):
            row = self._dynamodb.get_item(TableName=self._table, Key=_key(tenant, name), ConsistentRead=True)
        return _function(row["Item"]) if "Item" in row else None

    def page(self, tenant: str, after: str | None, most: int) -> Page:
        """Give up to `most` functions whose names follow `after`."""
        start = {"ExclusiveStartKey": _key(tenant, after)} if after else {}
        with needing(ITEMS):
            answer = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="tenant = :tenant",
                ExpressionAttributeValues={":tenant": {"S": tenant}},
                Limit=most,
                ConsistentRead=True,
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        return Page([_function(item) for item in answer["Items"]], last["name"]["S"] if last else None)

    def count(self, tenant: str) -> int:
        """Give how many functions a tenant has: it reads past all of them, so never where somebody waits often."""
        found, start = 0, dict[str, Any]()
        while True:
            with needing(ITEMS):
                answer = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="tenant = :tenant",
                    ExpressionAttributeValues={":tenant": {"S": tenant}},
                    Select="COUNT",
                    **start,
                )
            found += int(answer["Count"])
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def write(self, function: Function, seen_revision: int | None, acts: Sequence[Act] = ()) -> bool:
        """Store a function over the one that was seen (None: that there was none), and do the acts with it.

        All of it, or nothing and False when somebody was faster or one of the acts was refused.
        """
        return self._items.transact([self._put(function, seen_revision), *acts])

    def remove(self, function: Function, acts: Sequence[Act] = ()) -> bool:
        """Forget a function as it was seen, and do the acts with it; False as `write` gives it."""
        key = _key(function.version.tenant, function.version.function)
        act = {"Delete": {"TableName": self._table, "Key": key, **_as_seen(function.revision)}}
        return self._items.transact([act, *acts])

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-", "-")

    def _put(self, function: Function, seen_revision: int | None) -> Act:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(tenant)"}
        if seen_revision is not None:
            condition = _as_seen(seen_revision)
        return {"Put": {"TableName": self._table, "Item": _item(function), **condition}}


def _as_seen(revision: int) -> dict[str, Any]:
    return {"ConditionExpression": "revision = :seen", "ExpressionAttributeValues": {":seen": {"N": str(revision)}}}


def _key(tenant: str, name: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.function_row(tenant, name).items()}


def _item(function: Function) -> dict[str, dict[str, str]]:
    return {
        **_key(function.version.tenant, function.version.function),
        "version": {"S": encode(function.version)},
        "role": {"S": function.role},
        "description": {"S": function.description},
        "modified_at_us": {"N": str(function.modified_at_us)},
        "revision_id": {"S": function.revision_id},
        "published": {"N": str(function.published)},
        "published_id": {"S": function.published_id},
        "revision": {"N": str(function.revision)},
        **({"reserved": {"N": str(function.reserved)}} if function.reserved is not None else {}),
        **({"upload_id": {"S": function.upload_id}} if function.upload_id else {}),
        **({"failure": {"S": json.dumps(asdict(function.failure))}} if function.failure else {}),
    }


def _function(item: Mapping[str, Mapping[str, str]]) -> Function:
    return Function(
        version=decode(Version, item["version"]["S"]),
        role=item["role"]["S"],
        description=item["description"]["S"],
        modified_at_us=int(item["modified_at_us"]["N"]),
        revision_id=item["revision_id"]["S"],
        published=int(item["published"]["N"]),
        published_id=item["published_id"]["S"],
        reserved=int(item["reserved"]["N"]) if "reserved" in item else None,
        upload_id=item["upload_id"]["S"] if "upload_id" in item else "",
        failure=Failure(**json.loads(item["failure"]["S"])) if "failure" in item else None,
        revision=int(item["revision"]["N"]),
    )
