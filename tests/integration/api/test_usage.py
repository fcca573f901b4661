"""GET /usage: what the workers added up, by day and function."""

import csv
import dataclasses
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalicelib import limits
from chalicelib.invocations import usage
from chalicelib.wiring import Controller

from shared_lua.contract import Charge, Outcome, PeakScope, Settlement, Status, Usage
from tests.apigateway import Answer, Gateway
from tests.builders import version
from worker_agent.stores.ledger import Ledger

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]

USAGE = Usage(
    queue_us=0, start_us=0, run_us=3, cpu_us=250_000, peak_memory_bytes=4, peak_scope=PeakScope.SANDBOX, cold=False
)
CHARGE = Charge(billed_us=500_000, memory_mb=512, duration_pico_usd=4_000_000, request_pico_usd=200_000)
FIRST = datetime(2026, 11, 24, tzinfo=UTC)


@dataclasses.dataclass
class Books:
    """Settles Invocations as a worker does."""

    dynamodb: Any
    data: dict[str, str]
    settled: int = 0

    def settle(self, function: str = "f", day: int = 0, tenant: str = "acme", **changes: Any) -> None:
        """Settle one Invocation of a function, so many days after the first."""
        self.settled += 1
        settlement = Settlement(
            invocation_id=f"i-{self.settled}",
            outcome=Outcome(status=Status.SUCCEEDED, payload="1"),
            attempt=1,
            settled_at_us=int((FIRST + timedelta(days=day)).timestamp()) * 1_000_000,
            usage=USAGE,
            charge=CHARGE,
        )
        row = {"invocation_id": {"S": settlement.invocation_id}, "status": {"S": "running"}, "attempt": {"N": "1"}}
        self.dynamodb.put_item(TableName=self.data["InvocationsTable"], Item=row)
        ledger = Ledger(self.dynamodb, self.data["InvocationsTable"], self.data["ItemsTable"])
        assert ledger.settle(version(tenant=tenant, function=function), dataclasses.replace(settlement, **changes), 0)


@pytest.fixture
def books(aws: Any, data: dict[str, str]) -> Books:
    return Books(aws("dynamodb"), data)


def ask(gateway: Gateway, key: Key, query: str = "from=2026-11-24&to=2026-11-30", **headers: str) -> Answer:
    return gateway.send("GET", f"/usage?{query}", headers=key | headers)


def test_each_functions_day_is_shown_with_what_it_took_and_cost(gateway: Gateway, key: Key, books: Books) -> None:
    for _ in range(3):
        books.settle()
    books.settle(outcome=Outcome(status=Status.FAILED, payload="1"))
    books.settle(outcome=Outcome(status=Status.EXPIRED, payload="1"), usage=None, charge=None)
    books.settle(day=1)
    books.settle("g")
    books.settle(tenant="other")

    answer = ask(gateway, key)

    assert (answer.status, answer.json["from"], answer.json["to"]) == (200, "2026-11-24", "2026-11-30")
    assert [(one["day"], one["function"], one["invocations"]) for one in answer.json["usage"]] == [
        ("2026-11-24", "f", 5),
        ("2026-11-24", "g", 1),
        ("2026-11-25", "f", 1),
    ]
    assert answer.json["usage"][0] == {
        "day": "2026-11-24",
        "function": "f",
        "invocations": 5,
        "errors": 1,
        "unserved": 1,
        "gb_s": 1.0,
        "cpu_s": 1.0,
        "charge_pico_usd": 4 * 4_200_000,
    }
    assert answer.json["next_after"] is None


def test_the_same_is_told_as_csv_to_who_accepts_it(gateway: Gateway, key: Key, books: Books) -> None:
    books.settle()
    books.settle("g")

    told = ask(gateway, key, Accept="text/csv")
    shown = ask(gateway, key).json["usage"]

    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.DictReader(io.StringIO(told.body))) == [
        {name: str(value) for name, value in row.items()} for row in shown
    ]
    assert "x-hearth-next-after" not in told.headers


@pytest.mark.parametrize(("span", "found"), [((24, 24), 1), ((23, 23), 0), ((25, 26), 0), ((23, 25), 1)])
def test_both_ends_of_the_span_count(
    gateway: Gateway, key: Key, books: Books, span: tuple[int, int], found: int
) -> None:
    books.settle()

    assert len(ask(gateway, key, f"from=2026-11-{span[0]}&to=2026-11-{span[1]}").json["usage"]) == found


@pytest.mark.parametrize("at_once", [1, 3, usage.ITEMS_AT_ONCE])
def test_pages_follow_one_another_and_never_cut_a_day_in_two(
    gateway: Gateway, key: Key, books: Books, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "ITEMS_AT_ONCE", at_once)
    functions = ["a", "a-b", "ab", "a_b", "b"]
    for function in functions * 4:
        books.settle(function)

    seen, after = [], ""
    while after is not None:
        page = ask(gateway, key, f"from=2026-11-24&to=2026-11-24&limit=2&after={after}").json
        assert 0 < len(page["usage"]) <= 2
        seen += page["usage"]
        after = page["next_after"]

    assert sorted(one["function"] for one in seen) == sorted(functions)
    assert {one["invocations"] for one in seen} == {4}
    told = ask(gateway, key, "from=2026-11-24&to=2026-11-24&limit=2", Accept="text/csv")
    assert told.headers["x-hearth-next-after"] == f"2026-11-24/{seen[1]['function']}"


def test_without_a_span_it_is_this_month_until_today(gateway: Gateway, key: Key) -> None:
    before = datetime.now(UTC).date()
    shown = ask(gateway, key, "").json
    after = datetime.now(UTC).date()

    assert shown["to"] in {before.isoformat(), after.isoformat()}
    assert shown["from"] == shown["to"][:8] + "01"


BAD = {
    "no day": ("from=yesterday", "must be a day"),
    "a day that is not": ("to=2026-02-30", "must be a day"),
    "an end before the beginning": ("from=2026-11-24&to=2026-11-23", "the first day first"),
    "a day too many": ("from=2025-11-24&to=2026-11-25", "span of 1 to 366 days"),
    "nothing to list": ("limit=0", "1 to 1000"),
    "too much to list": (f"limit={limits.MAX_USAGE_ROWS + 1}", "1 to 1000"),
    "a cursor of one's own": ("after=2026-11-24", "next_after"),
    "another owner's part": ("after=2026-11-24/f/0", "next_after"),
}


def test_what_cannot_be_asked_is_refused_with_a_sentence(gateway: Gateway, key: Key, subtests: pytest.Subtests) -> None:
    for case, (query, word) in BAD.items():
        with subtests.test(case):
            answer = ask(gateway, key, query)

            assert (answer.status, answer.json["type"]) == (400, "InvalidParameterValueException")
            assert word in answer.json["error"]
    assert ask(gateway, key, f"from=2025-11-24&to=2026-11-24&limit={limits.MAX_USAGE_ROWS}").status == 200


def test_it_reads_the_sums_alone(
    gateway: Gateway, key: Key, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    query = hearth.invocations.usage._dynamodb.query

    def watched(**given: Any) -> Any:
        read.append(given["TableName"])
        return query(**given)

    monkeypatch.setattr(hearth.invocations.usage._dynamodb, "query", watched)

    ask(gateway, key)

    assert read == [hearth.invocations.usage._table]
