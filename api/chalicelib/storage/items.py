"""What belongs to something (versions, aliases, schedules, keys, …), in one DynamoDB table; never scans it."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage.aws_errors import is_refused_condition, needing
from shared_lua import keys

PART = "The table of parts (DynamoDB)"

#: One entry of DynamoDB's TransactWriteItems.
Act = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that belongs to `owner`; `part` orders it among the owner's others. `body` is any JSON object."""

    owner: str
    part: str
    body: Mapping[str, Any]
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))  #: another one after every change
    expires_s: int | None = None  #: when it may be forgotten, Unix seconds; None = never


@dataclass(frozen=True)
class Parts:
    """The table. Each method that talks to it raises UnavailableError when it does not answer."""

    dynamodb: Any
    table: str

    def find(self, owner: str, part: str) -> Part | None:
        """Give one part, None when there is none."""
        with needing(PART):
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(owner, part), ConsistentRead=True)
        return _part(answer["Item"]) if "Item" in answer else None

    def page(
        self, owner: str, prefix: str = "", *, after: str | None = None, most: int = 50, newest_first: bool = False
    ) -> tuple[list[Part], str | None]:
        """Give up to `most` parts whose names begin with `prefix`, in their order, and the name to go on after."""
        start = {"ExclusiveStartKey": _key(owner, after)} if after else {}
        condition = "#owner = :owner" + (" AND begins_with(part, :prefix)" if prefix else "")
        values = {":owner": {"S": owner}, **({":prefix": {"S": prefix}} if prefix else {})}
        with needing(PART):
            answer = self.dynamodb.query(
                TableName=self.table,
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues=values,
                ScanIndexForward=not newest_first,
                ConsistentRead=True,
                Limit=most,
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        return [_part(item) for item in answer["Items"]], last["part"]["S"] if last else None

    def every(self, owner: str, prefix: str = "") -> list[Part]:
        """Give all of an owner's parts whose names begin with `prefix`: only where there can be few."""
        return list(self._each(owner, prefix, at_once=1000))

    def chosen(
        self, owner: str, prefix: str, wanted: Callable[[Part], bool], *, after: str | None, most: int, **order: bool
    ) -> tuple[list[Part], str | None]:
        """Give a page of what is wanted of an owner's parts, as `page` does: full, unless no more is to come."""
        found = list(islice(filter(wanted, self._each(owner, prefix, after=after, **order)), most + 1))
        return found[:most], found[most - 1].part if len(found) > most else None

    def add(self, part: Part) -> bool:
        """Store a part that does not exist yet; False when it does."""
        return self._put_alone(self.adding(part))

    def put(self, part: Part) -> None:
        """Store a part, whatever was there."""
        self._put_alone(self.putting(part))

    def replace(self, part: Part, expected_revision: str) -> bool:
        """Store a part over the revision that was read; False when another is stored by now."""
        return self._put_alone(self.replacing(part, expected_revision))

    def remove(self, owner: str, part: str) -> Part | None:
        """Forget a part and give it; None when there was none."""
        with needing(PART):
            answer = self.dynamodb.delete_item(TableName=self.table, Key=_key(owner, part), ReturnValues="ALL_OLD")
        return _part(answer["Attributes"]) if "Attributes" in answer else None

    def transact(self, acts: Sequence[Act]) -> bool:
        """Do all of it or nothing; False when a condition of one of the acts does not hold."""
        with needing(PART):
            try:
                self.dynamodb.transact_write_items(TransactItems=list(acts))
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                return False
        return True

    def adding(self, part: Part) -> Act:
        """Give the act of storing a part that must not exist yet."""
        return self._put(part, {"ConditionExpression": "attribute_not_exists(part)"})

    def adding_anew(self, part: Part, now_s: int) -> Act:
        """Give the act of storing a part that must not exist yet, or have expired: what has may be there for days."""
        condition = "attribute_not_exists(part) OR expires_s <= :now"
        now = {":now": {"N": str(now_s)}}
        return self._put(part, {"ConditionExpression": condition, "ExpressionAttributeValues": now})

    def putting(self, part: Part) -> Act:
        """Give the act of storing a part, whatever was there."""
        return self._put(part, {})

    def replacing(self, part: Part, expected_revision: str) -> Act:
        """Give the act of storing a part over the revision that was read."""
        expected = {":expected": {"S": expected_revision}}
        return self._put(part, {"ConditionExpression": "revision = :expected", "ExpressionAttributeValues": expected})

    def removing(self, owner: str, part: str) -> Act:
        """Give the act of forgetting a part, if it is there."""
        return {"Delete": {"TableName": self.table, "Key": _key(owner, part)}}

    def taking(self, owner: str, part: str) -> Act:
        """Give the act of forgetting a part that must be there."""
        condition = {"ConditionExpression": "attribute_exists(part)"}
        return {"Delete": {"TableName": self.table, "Key": _key(owner, part), **condition}}

    def requiring(self, owner: str, part: str, revision: str) -> Act:
        """Give the act that changes nothing, and fails unless a part is stored in the revision that was read."""
        expected = {":expected": {"S": revision}}
        condition = {"ConditionExpression": "revision = :expected", "ExpressionAttributeValues": expected}
        return {"ConditionCheck": {"TableName": self.table, "Key": _key(owner, part), **condition}}

    def number(self, owner: str, part: str) -> int:
        """Give a number that `counting` keeps, 0 when there is none yet."""
        with needing(PART):
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(owner, part), ConsistentRead=True)
        return int(answer["Item"]["number"]["N"]) if "Item" in answer else 0

    def counting(self, owner: str, part: str, by: int, most: int | None = None) -> Act:
        """Give the act of a number growing by so many; it is refused when the number would exceed `most`."""
        values = {":by": {"N": str(by)}}
        condition = {}
        if most is not None:
            values[":room"] = {"N": str(most - by)}
            condition = {"ConditionExpression": "attribute_not_exists(#number) OR #number <= :room"}
        return {
            "Update": {
                "TableName": self.table,
                "Key": _key(owner, part),
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
        self, owner: str, prefix: str, *, after: str | None = None, at_once: int = 50, newest_first: bool = False
    ) -> Iterator[Part]:
        """Give parts one by one, read page by page, as far as they are wanted."""
        more = True
        while more:
            page, after = self.page(owner, prefix, after=after, most=at_once, newest_first=newest_first)
            yield from page
            more = after is not None

    def _put_alone(self, act: Act) -> bool:
        """Do one act of storing without the price of a transaction; False when its condition does not hold."""
        with needing(PART):
            try:
                self.dynamodb.put_item(**act["Put"])
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True

    def _put(self, part: Part, condition: dict[str, Any]) -> Act:
        return {"Put": {"TableName": self.table, "Item": _item(part), **condition}}


def _key(owner: str, part: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.part_row(owner, part).items()}


def _item(part: Part) -> dict[str, dict[str, str]]:
    return {
        **_key(part.owner, part.part),
        "body": {"S": json.dumps(part.body, separators=(",", ":"))},
        "revision": {"S": part.revision},
        **({"expires_s": {"N": str(part.expires_s)}} if part.expires_s is not None else {}),
    }


def _part(item: Mapping[str, dict[str, str]]) -> Part:
    return Part(
        owner=item["owner"]["S"],
        part=item["part"]["S"],
        body=json.loads(item["body"]["S"]),
        revision=item["revision"]["S"],
        expires_s=int(item["expires_s"]["N"]) if "expires_s" in item else None,
    )
