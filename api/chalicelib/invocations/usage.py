"""Reads a tenant's daily usage by function, which the workers add up in DynamoDB."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from chalicelib.storage.aws_errors import needing
from shared_lua import keys
from shared_lua.daily_usage import SHARDS, DailyUsage

PART = "The items table (DynamoDB)"

#: Items read in one call.
ITEMS_AT_ONCE = 100 * SHARDS

Item = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class FunctionDay:
    """What a function's Invocations of one day (UTC) took and cost together."""

    day: str  #: as 2026-11-24
    function: str
    sums: DailyUsage


@dataclass(frozen=True, kw_only=True)
class Days:
    """A page of daily usage, ordered by day and function, and where to continue: `day/function`, None at the end."""

    days: list[FunctionDay] = field(default_factory=list)
    next_after: str | None = None


class UsageTable:
    """The daily usage of tenants. Each method raises UnavailableError when the table does not answer."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def page(self, tenant: str, first: str, last: str, after: str | None, most: int) -> Days:
        """Return up to `most` functions' days from the day `first` to the day `last`, both included."""
        begin = keys.usage_end(after) if after else first
        days: list[FunctionDay] = []
        for (day, function), items in groupby(self._items(tenant, begin, keys.usage_end(last)), key=_day_and_function):
            if len(days) == most:
                return Days(days=days, next_after=f"{days[-1].day}/{days[-1].function}")
            days.append(FunctionDay(day, function, sum((_sums(item) for item in items), DailyUsage())))
        return Days(days=days)

    def _items(self, tenant: str, begin: str, end: str) -> Iterator[Item]:
        """Yield the items between two names, read page by page as they are needed."""
        more: dict[str, Any] = {}
        while True:
            with needing(PART):
                answer = self._dynamodb.query(
                    TableName=self._table,
                    KeyConditionExpression="partition_key = :partition AND sort_key BETWEEN :begin AND :end",
                    ExpressionAttributeValues={
                        ":partition": {"S": keys.usage_items(tenant)},
                        ":begin": {"S": begin},
                        ":end": {"S": end},
                    },
                    ConsistentRead=True,
                    Limit=ITEMS_AT_ONCE,
                    **more,
                )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _day_and_function(item: Item) -> tuple[str, str]:
    day, function, _shard = item["sort_key"]["S"].split("/")
    return day, function


def _sums(item: Item) -> DailyUsage:
    """Read an item. A field that is missing was not counted yet when the item was written."""
    return DailyUsage(**{name: int(item[name]["N"]) for name in DailyUsage().fields() if name in item})
