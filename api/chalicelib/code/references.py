"""Counts how many versions name a zip, so that it can be deleted once none does.

The states of a zip's row: held (a put is under way) → named → unnamed → collecting → gone. A zip that a version names
has a row that is not collecting. A zip with such a row has its object, or a put under way that brings it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.storage.aws_errors import is_refused_condition, needing
from chalicelib.storage.items import ITEMS, Act, Item, Items
from shared_lua import keys

#: A collector that marked a zip so long ago is dead, as no Lambda runs longer. Until then no other takes over from it:
#: its late delete could hit a zip that was stored anew.
ABANDONED_S = 1800


@dataclass(frozen=True)
class Unnamed:
    """A zip that no version named at some moment; one may name it by now."""

    sha256: str
    item: str  #: the name of the item that says so


@dataclass(frozen=True)
class CodeRefs:
    """The counts. Each method that talks to the table raises UnavailableError."""

    items: Items

    def naming(self, sha256: str, versions: int = 1) -> Act:
        """Give the act of versions that take this zip. It is refused when the zip is not there or is being deleted:
        then it must be put again.
        """
        return self._update(
            sha256, "ADD refs :more", "attribute_exists(refs) AND attribute_not_exists(collecting)", {":more": versions}
        )

    def unnaming(self, sha256: str, now_s: int, versions: int = 1) -> list[Act]:
        """Give the acts of versions that leave this zip. `versions` must count all that leave it in one transaction."""
        count = {":less": -versions, ":versions": versions, ":now_s": now_s}
        leave = self._update(sha256, "SET zero_at_s = :now_s ADD refs :less", "refs >= :versions", count)
        return [leave, self._suspecting(sha256, now_s)]

    def moving(self, left: Mapping[str, int], taken: Mapping[str, int], now_s: int) -> list[Act]:
        """Give the acts of versions that leave some zips and take others, by zip with the number of versions.

        A transaction may touch a row only once, so a zip that as many versions leave as take is not touched.
        """
        moves = {sha256: taken.get(sha256, 0) - left.get(sha256, 0) for sha256 in {*left, *taken}}
        acts: list[Act] = []
        for sha256, more in sorted(moves.items()):
            if more > 0:
                acts.append(self.naming(sha256, more))
            elif more < 0:
                acts += self.unnaming(sha256, now_s, -more)
        return acts

    def hold(self, sha256: str, now_s: int) -> bool:
        """Keep a zip for the grace from now, so that it can be put and named; False while it is being deleted."""
        hold = self._update(
            sha256,
            "SET zero_at_s = :now_s, refs = if_not_exists(refs, :none)",
            "attribute_not_exists(collecting)",
            {":now_s": now_s, ":none": 0},
        )
        return self.items.transact([hold, self._suspecting(sha256, now_s)])

    def unnamed(self, before_s: int, most: int) -> Iterator[Unnamed]:
        """Give the zips that were unnamed or held before then, oldest first. Some may be named again."""
        found, _ = self.items.page(keys.unnamed_codes(), most=most)
        for item in found:
            since_s, _, sha256 = item.name.partition("/")
            if int(since_s) < before_s:
                yield Unnamed(sha256, item.name)

    def mark(self, sha256: str, now_s: int, before_s: int) -> bool:
        """Mark a zip as being collected, so that none names or puts it; False when it is named, younger, or marked."""
        act = self._update(
            sha256,
            "SET collecting = :now_s",
            "refs = :none AND zero_at_s < :before_s AND (attribute_not_exists(collecting) OR collecting < :abandoned)",
            {":now_s": now_s, ":none": 0, ":before_s": before_s, ":abandoned": now_s - ABANDONED_S},
        )
        return self._done(self.items.dynamodb.update_item, act["Update"])

    def gone(self, sha256: str, now_s: int) -> None:
        """Delete the row of a zip that was marked at this time, once its object is deleted."""
        mine = {"ConditionExpression": "collecting = :now_s", "ExpressionAttributeValues": _numbers({":now_s": now_s})}
        self._done(self.items.dynamodb.delete_item, {**self._where(sha256), **mine})

    def is_collecting(self, sha256: str) -> bool:
        """Tell whether a collector has marked the zip and not ended."""
        with needing(ITEMS):
            answer = self.items.dynamodb.get_item(**self._where(sha256), ConsistentRead=True)
        return "collecting" in answer.get("Item", {})

    def clear(self, unnamed: Unnamed) -> None:
        """Delete the item that says a zip is unnamed; a younger one of the same zip stays."""
        self.items.remove(keys.unnamed_codes(), unnamed.item)

    def _suspecting(self, sha256: str, now_s: int) -> Act:
        return self.items.putting(
            Item(partition=keys.unnamed_codes(), name=keys.unnamed_code(now_s, sha256), body={}),
        )

    def _update(self, sha256: str, update: str, condition: str, numbers: dict[str, int]) -> Act:
        return {
            "Update": {
                **self._where(sha256),
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": _numbers(numbers),
            }
        }

    def _where(self, sha256: str) -> dict[str, Any]:
        row = keys.item_row(keys.code_items(sha256), keys.code_count())
        return {"TableName": self.items.table, "Key": {name: {"S": value} for name, value in row.items()}}

    def _done(self, call: Any, arguments: dict[str, Any]) -> bool:
        with needing(ITEMS):
            try:
                call(**arguments)
            except ClientError as error:
                if not is_refused_condition(error):
                    raise
                return False
        return True


def _numbers(values: dict[str, int]) -> dict[str, dict[str, str]]:
    return {name: {"N": str(value)} for name, value in values.items()}
