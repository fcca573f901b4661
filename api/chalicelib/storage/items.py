"""Items of one DynamoDB table by partition: versions, aliases, schedules, keys and more. The table is never scanned."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage.aws_errors import is_refused_condition, needing
from shared_lua import keys

ITEMS = "The table of items (DynamoDB)"

#: One entry of DynamoDB's TransactWriteItems.
Act = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item. `name` is its sort key within the partition; `body` is any JSON object."""

    partition: str
    name: str
    body: Mapping[str, Any]
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))  #: another one after every change
    expires_s: int | None = None  #: when it may be forgotten, Unix seconds; None = never


@dataclass(frozen=True)
class Items:
    """The table. Each method that talks to it raises UnavailableError when it does not answer."""

    dynamodb: Any
    table: str

    def find(self, partition: str, name: str) -> Item | None:
        """Give one item, None when there is none."""
        with needing(ITEMS):
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(partition, name), ConsistentRead=True)
        return _item(answer["Item"]) if "Item" in answer else None

    def page(
        self, partition: str, prefix: str = "", *, after: str | None = None, most: int = 50, newest_first: bool = False
    ) -> tuple[list[Item], str | None]:
        """Give up to `most` items whose names begin with `prefix`, in their order, and the name to go on after."""
        start = {"ExclusiveStartKey": _key(partition, after)} if after else {}
        condition = "partition_key = :partition" + (" AND begins_with(sort_key, :prefix)" if prefix else "")
        values = {":partition": {"S": partition}, **({":prefix": {"S": prefix}} if prefix else {})}
        with needing(ITEMS):
            answer = self.dynamodb.query(
                TableName=self.table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ScanIndexForward=not newest_first,
                ConsistentRead=True,
                Limit=most,
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        return [_item(row) for row in answer["Items"]], last["sort_key"]["S"] if last else None

    def every(self, partition: str, prefix: str = "") -> list[Item]:
        """Give all items of a partition whose names begin with `prefix`. Only for partitions that stay small."""
        return list(self._each(partition, prefix, at_once=1000))

    def chosen(
        self,
        partition: str,
        prefix: str,
        wanted: Callable[[Item], bool],
        *,
        after: str | None,
        most: int,
        **order: bool,
    ) -> tuple[list[Item], str | None]:
        """Give a page of the items that `wanted` accepts, as `page` does. It is full unless it is the last one."""
        found = list(islice(filter(wanted, self._each(partition, prefix, after=after, **order)), most + 1))
        return found[:most], found[most - 1].name if len(found) > most else None

    def add(self, item: Item) -> bool:
        """Store an item that does not exist yet; False when it does."""
        return self._put_alone(self.adding(item))

    def put(self, item: Item) -> None:
        """Store an item over whatever is stored."""
        self._put_alone(self.putting(item))

    def replace(self, item: Item, expected_revision: str) -> bool:
        """Store an item over the revision that was read; False when another is stored by now."""
        return self._put_alone(self.replacing(item, expected_revision))

    def remove(self, partition: str, name: str) -> Item | None:
        """Delete an item and give it; None when there was none."""
        with needing(ITEMS):
            answer = self.dynamodb.delete_item(TableName=self.table, Key=_key(partition, name), ReturnValues="ALL_OLD")
        return _item(answer["Attributes"]) if "Attributes" in answer else None

    def transact(self, acts: Sequence[Act]) -> bool:
        """Do all acts or none; False when a condition of one of them does not hold."""
        with needing(ITEMS):
            try:
                self.dynamodb.transact_write_items(TransactItems=list(acts))
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                return False
        return True

    def adding(self, item: Item) -> Act:
        """Give the act of storing an item that must not exist yet."""
        return self._put(item, {"ConditionExpression": "attribute_not_exists(sort_key)"})

    def adding_anew(self, item: Item, now_s: int) -> Act:
        """Give the act of storing an item that must not exist yet, or have expired: DynamoDB deletes it days later."""
        condition = "attribute_not_exists(sort_key) OR expires_s <= :now"
        now = {":now": {"N": str(now_s)}}
        return self._put(item, {"ConditionExpression": condition, "ExpressionAttributeValues": now})

    def putting(self, item: Item) -> Act:
        """Give the act of storing an item over whatever is stored."""
        return self._put(item, {})

    def replacing(self, item: Item, expected_revision: str) -> Act:
        """Give the act of storing an item over the revision that was read."""
        expected = {":expected": {"S": expected_revision}}
        return self._put(item, {"ConditionExpression": "revision = :expected", "ExpressionAttributeValues": expected})

    def removing(self, partition: str, name: str) -> Act:
        """Give the act of deleting an item, if it is there."""
        return {"Delete": {"TableName": self.table, "Key": _key(partition, name)}}

    def taking(self, partition: str, name: str) -> Act:
        """Give the act of deleting an item that must be there."""
        condition = {"ConditionExpression": "attribute_exists(sort_key)"}
        return {"Delete": {"TableName": self.table, "Key": _key(partition, name), **condition}}

    def requiring(self, partition: str, name: str, revision: str) -> Act:
        """Give the act that changes nothing, and fails unless an item is stored in this revision."""
        expected = {":expected": {"S": revision}}
        condition = {"ConditionExpression": "revision = :expected", "ExpressionAttributeValues": expected}
        return {"ConditionCheck": {"TableName": self.table, "Key": _key(partition, name), **condition}}

    def number(self, partition: str, name: str) -> int:
        """Give a number that `counting` adds to, 0 when there is none yet."""
        with needing(ITEMS):
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(partition, name), ConsistentRead=True)
        return int(answer["Item"]["number"]["N"]) if "Item" in answer else 0

    def counting(self, partition: str, name: str, by: int, most: int | None = None) -> Act:
        """Give the act of adding to a number; it is refused when the number would exceed `most`."""
        values = {":by": {"N": str(by)}}
        condition = {}
        if most is not None:
            values[":room"] = {"N": str(most - by)}
            may_be_first = "attribute_not_exists(#number) OR " if by <= most else ""
            condition = {"ConditionExpression": f"{may_be_first}#number <= :room"}
        return {
            "Update": {
                "TableName": self.table,
                "Key": _key(partition, name),
                "UpdateExpression": "ADD #number :by",
                "ExpressionAttributeNames": {"#number": "number"},
                "ExpressionAttributeValues": values,
                **condition,
            }
        }

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-", "-")

    def _each(
        self, partition: str, prefix: str, *, after: str | None = None, at_once: int = 50, newest_first: bool = False
    ) -> Iterator[Item]:
        """Give items one by one; a page is read when its first item is needed."""
        more = True
        while more:
            page, after = self.page(partition, prefix, after=after, most=at_once, newest_first=newest_first)
            yield from page
            more = after is not None

    def _put_alone(self, act: Act) -> bool:
        """Do one Put without the cost of a transaction; False when its condition does not hold."""
        with needing(ITEMS):
            try:
                self.dynamodb.put_item(**act["Put"])
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True

    def _put(self, item: Item, condition: dict[str, Any]) -> Act:
        return {"Put": {"TableName": self.table, "Item": _row(item), **condition}}


def _key(partition: str, name: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.item_row(partition, name).items()}


def _row(item: Item) -> dict[str, dict[str, str]]:
    return {
        **_key(item.partition, item.name),
        "body": {"S": json.dumps(item.body, separators=(",", ":"))},
        "revision": {"S": item.revision},
        **({"expires_s": {"N": str(item.expires_s)}} if item.expires_s is not None else {}),
    }


def _item(row: Mapping[str, dict[str, str]]) -> Item:
    return Item(
        partition=row["partition_key"]["S"],
        name=row["sort_key"]["S"],
        body=json.loads(row["body"]["S"]),
        revision=row["revision"]["S"],
        expires_s=int(row["expires_s"]["N"]) if "expires_s" in row else None,
    )
