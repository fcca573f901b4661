"""What a dead worker had on its express lane: whose it becomes, and that its own end does not count any more."""

import threading

import pytest

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.scripts import Decision
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes, delivered
from tests.waiting import eventually

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_what_a_dead_worker_had_is_given_to_the_durable_lane_once(lanes: Lanes) -> None:
    dead = lanes.named(free=2, for_ms=1)
    side = lanes.side()
    lanes.client.zadd(keys.workers(), {dead: 10**15})  # it was able a moment ago
    on_the_lane, in_flight = asked(invocation_id="i-1"), asked(invocation_id="i-2")
    for one in (in_flight, on_the_lane):
        assert lanes.admit(one) is Decision.EXPRESS
    assert side.next_express(dead, 1) == encode(in_flight)

    undertakers = [lanes.reaper() for _ in range(2)]
    threads = [threading.Thread(target=one.look) for one in undertakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = {one.invocation_id for one in lanes.queued()}
    assert found == {"i-1", "i-2"}
    assert all(lanes.has_row(one, "queued") for one in (in_flight, on_the_lane))
    assert lanes.client.llen(keys.orphaned()) == lanes.client.zcard(keys.free_capacity()) == 0


def test_the_end_of_a_worker_that_was_taken_for_dead_does_not_count(lanes: Lanes) -> None:
    slow, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(slow, 1)
    assert item
    side.heartbeat(slow, able=True, free=0, for_ms=1)
    eventually(lambda: side.reap(slow) == 1)

    settlement = lanes.world.handler.conclude(one, delivered())

    assert side.settle_express(slow, one, item, settlement) is None
    assert lanes.client.xlen(keys.records()) == 0
    assert lanes.client.exists(keys.answer("i-1")) == 0


def test_a_worker_that_lives_is_not_buried_by_others(lanes: Lanes) -> None:
    worker = lanes.named()

    assert lanes.side().reap(worker) == -1
    assert lanes.side().reap(worker, alive=True) == 0
