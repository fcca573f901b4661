"""Calls that wait for capacity of an express lane: which one gets it, in which order, and what stays free."""

import dataclasses
from typing import Any

import pytest

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation
from shared_lua.scripts import Decision, Scripts
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes, delivered
from tests.waiting import eventually
from worker_agent.lanes.heartbeat import FOR_MS

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def numbered(count: int) -> list[Invocation]:
    return [asked(invocation_id=f"i-{n}") for n in range(count)]


def of(tenant: str) -> Invocation:
    one = asked(invocation_id=f"of-{tenant}")
    return dataclasses.replace(one, version=dataclasses.replace(one.version, tenant=tenant))


def waiting(lanes: Lanes) -> list[str]:
    return listed(lanes, keys.waiting())


def listed(lanes: Lanes, key: str) -> list[str]:
    items: Any = lanes.client.lrange(key, 0, -1)
    return [item.decode() for item in items]


def test_all_waiting_calls_are_answered_and_all_capacity_is_free_in_the_end(lanes: Lanes) -> None:
    lanes.named(free=1)
    ones = numbered(12)
    assert [lanes.admit(one) for one in ones] == [Decision.EXPRESS] + [Decision.WAITS] * 11
    lanes.worker(capacity=2)

    answers = [lanes.answer(one).invocation_id for one in ones[1:]]

    assert answers == [one.invocation_id for one in ones[1:]]
    eventually(lambda: lanes.free() == 2)
    assert waiting(lanes) == []


def test_returned_capacity_goes_to_the_call_that_has_waited_longest(lanes: Lanes) -> None:
    worker, side, ones = lanes.named(free=1), lanes.side(), numbered(3)
    for one in ones:
        lanes.admit(one)
    item = side.next_express(worker, 10)
    assert item == encode(ones[0])

    settlement = lanes.world.handler.conclude(ones[0], delivered())
    assert side.settle_express(worker, ones[0], item, settlement)

    assert side.next_express(worker, 10) == encode(ones[1])
    assert waiting(lanes) == [encode(ones[2])]
    assert lanes.free() == 0


def test_a_new_worker_takes_up_waiting_calls(lanes: Lanes) -> None:
    full = lanes.named(free=1)
    ones = numbered(4)
    for one in ones:
        lanes.admit(one)

    lanes.side(left=1).heartbeat("new|3", able=True, free=3, for_ms=FOR_MS)

    assert listed(lanes, keys.lane("new|3")) == [encode(one) for one in ones[1:3]]
    assert waiting(lanes) == [encode(ones[3])]
    assert lanes.client.llen(keys.lane(full)) == 1


def test_the_last_capacity_goes_to_a_tenant_with_few_runs_before_the_waiting_calls_of_a_flood(lanes: Lanes) -> None:
    worker, side = lanes.named(free=9), lanes.side(left=2)
    side.borrow_capacity(worker, 9)
    words = [lanes.admit(one) for one in numbered(20)]
    assert words == [Decision.EXPRESS] * 2 + [Decision.WAITS] * 18

    side.return_capacity(worker, 2)

    assert lanes.free() == 2
    assert lanes.admit(asked(invocation_id="late")) is Decision.WAITS
    assert lanes.admit(of("quiet")) is Decision.EXPRESS
    side.return_capacity(worker, 3)
    assert (lanes.free(), len(waiting(lanes))) == (2, 17)


def test_a_worker_that_cannot_start_functions_takes_up_nobody(lanes: Lanes) -> None:
    lanes.named(free=0)
    lanes.admit(asked())
    side = lanes.side()

    side.heartbeat("stuck|3", able=False, free=3, for_ms=FOR_MS)
    side.return_capacity("stuck|3", 1)

    assert len(waiting(lanes)) == 1
    side.heartbeat("stuck|3", able=True, free=3, for_ms=FOR_MS)
    assert waiting(lanes) == []


def test_only_what_no_worker_has_nor_had_is_taken_back(lanes: Lanes) -> None:
    worker, side, ones = lanes.named(free=0), lanes.side(), numbered(3)
    for one in ones:
        lanes.admit(one)
    side.return_capacity(worker, 2)

    def taken_back() -> list[bool]:
        return [Scripts(lanes.client).cancel(one.invocation_id, encode(one)) for one in ones[:2]]

    assert taken_back() == [False, False]  # both on its lane
    item = side.next_express(worker, 10)
    assert taken_back() == [False, False]  # one in its hand
    assert side.settle_express(worker, ones[0], item or "", lanes.world.handler.conclude(ones[0], delivered()))
    assert taken_back() == [False, False]  # and ended
    assert waiting(lanes) == []
    assert Scripts(lanes.client).cancel("i-9", "forgotten")


def test_what_is_taken_back_is_handed_to_nobody(lanes: Lanes) -> None:
    worker, [first, second] = lanes.named(free=0), numbered(2)
    for one in (first, second):
        lanes.admit(one)

    assert Scripts(lanes.client).cancel(first.invocation_id, encode(first))
    lanes.side().return_capacity(worker, 2)

    assert listed(lanes, keys.lane(worker)) == [encode(second)]


def test_who_must_not_travel_so_waits_for_no_place(lanes: Lanes) -> None:
    lanes.named(free=1)
    lanes.admit(asked())

    assert lanes.admit(asked(invocation_id="i-2"), express=False) is Decision.GO
    assert waiting(lanes) == []
