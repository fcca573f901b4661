"""The Functions table in DynamoDB; every write says what it expects to find, and none is blind."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws_errors import is_refused_condition, needing
from chalicelib.errors import ConflictError
from chalicelib.function import Function
from shared_lua import keys
from shared_lua.contract import Version, decode, encode

PART = "The table of functions (DynamoDB)"


@dataclass(frozen=True)
class Page:
    """Some functions of a tenant by name, and the name to go on after (None at the end)."""

    functions: list[Function]
    next_after: str | None


class Registry:
    """Functions by tenant and name. Each method raises UnavailableError when the table does not answer."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def find(self, tenant: str, name: str) -> Function | None:
        """Give the function, None when there is none."""
        with needing(PART):
            row = self._dynamodb.get_item(TableName=self._table, Key=_key(tenant, name), ConsistentRead=True)
        return _function(row["Item"]) if "Item" in row else None

    def page(self, tenant: str, after: str | None, most: int) -> Page:
        """Give up to `most` functions whose names follow `after`."""
        start = {"ExclusiveStartKey": _key(tenant, after)} if after else {}
        with needing(PART):
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

    def add(self, function: Function) -> None:
        """Store a function that does not exist yet; raise ConflictError when it does."""
        self._put(function, {"ConditionExpression": "attribute_not_exists(tenant)"})

    def replace(self, function: Function, expected_revision: str) -> None:
        """Store a function over the revision that was read; raise ConflictError when another is stored by now."""
        self._put(
            function,
            {
                "ConditionExpression": "revision = :expected",
                "ExpressionAttributeValues": {":expected": {"S": expected_revision}},
            },
        )

    def remove(self, tenant: str, name: str) -> bool:
        """Forget a function; False when there was none."""
        with needing(PART):
            row = self._dynamodb.delete_item(TableName=self._table, Key=_key(tenant, name), ReturnValues="ALL_OLD")
        return "Attributes" in row

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-", "-")

    def _put(self, function: Function, condition: dict[str, Any]) -> None:
        with needing(PART):
            try:
                self._dynamodb.put_item(TableName=self._table, Item=_item(function), **condition)
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                raise ConflictError(
                    f"{function.version.function} was changed by another request meanwhile. Look, then try again."
                ) from None


def _key(tenant: str, name: str) -> dict[str, dict[str, str]]:
    return {attribute: {"S": value} for attribute, value in keys.function_row(tenant, name).items()}


def _item(function: Function) -> dict[str, dict[str, str]]:
    return {
        **_key(function.version.tenant, function.version.function),
        "version": {"S": encode(function.version)},
        "role": {"S": function.role},
        "description": {"S": function.description},
        "modified_at_us": {"N": str(function.modified_at_us)},
        "revision": {"S": function.revision},
    }


def _function(item: dict[str, dict[str, str]]) -> Function:
    return Function(
        version=decode(Version, item["version"]["S"]),
        role=item["role"]["S"],
        description=item["description"]["S"],
        modified_at_us=int(item["modified_at_us"]["N"]),
        revision=item["revision"]["S"],
    )
