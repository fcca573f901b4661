"""What a function's day adds up to: every record once, also when it is delivered again."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared_lua.contract import Invocation, Outcome, Settlement, Status, fence
from shared_lua.daily_usage import KEEP_DAYS, DailyUsage, daily_usage_of, day_of
from tests.integration.worker.handling import World, asked, delivery, overtake

pytestmark = [pytest.mark.aws, pytest.mark.redis]

#: A Settlement of the second day of 1970, of a run that took and cost nothing.
SETTLED = Settlement(
    invocation_id="i-1",
    outcome=Outcome(status=Status.SUCCEEDED, payload="1"),
    attempt=1,
    settled_at_us=86_400_000_000,
)


def test_what_is_settled_is_added_to_its_functions_day_once_whatever_comes_again(world: World) -> None:
    one = world.accept(asked())
    overtake(world, one)
    world.handler.handle(delivery(one))
    world.handler.handle(delivery(one, attempt=3))

    _, settled = world.row(one)
    assert settled
    assert world.daily_usage() == {f"{day_of(settled.settled_at_us)}/f": daily_usage_of(settled)}
    assert world.daily_usage()[f"{day_of(settled.settled_at_us)}/f"].charge_pico_usd > 0
    assert world.daily_usage("other") == {}


def test_a_record_that_cannot_be_written_adds_nothing(world: World) -> None:
    one = asked()

    assert not world.handler._ledger.settle(
        one.version, dataclasses.replace(SETTLED, invocation_id=one.invocation_id), 0
    )

    assert world.daily_usage() == {}


def test_many_at_once_lose_nothing_of_their_sums(world: World) -> None:
    many = [world.accept(asked(invocation_id=f"i-{n}")) for n in range(40)]

    def settle(one: Invocation) -> bool:
        settlement = dataclasses.replace(SETTLED, invocation_id=one.invocation_id)
        world.handler._ledger.claim(one.invocation_id, fence(0, 1))
        wins = [world.handler._ledger.settle(one.version, settlement, 0) for _ in range(2)]
        return wins == [True, False]

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(settle, many))

    assert world.daily_usage() == {"1970-01-02/f": DailyUsage(invocations=40)}


def test_a_day_is_forgotten_when_it_is_old(world: World) -> None:
    one = world.accept(asked())
    world.handler._ledger.claim(one.invocation_id, fence(0, 1))
    world.handler._ledger.settle(one.version, dataclasses.replace(SETTLED, invocation_id=one.invocation_id), 0)

    [item] = [item for item in world.dynamodb.scan(TableName=world.data["ItemsTable"])["Items"] if "expires_s" in item]
    assert item["expires_s"] == {"N": str((1 + KEEP_DAYS) * 86_400)}
