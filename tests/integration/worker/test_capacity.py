"""The capacity of the durable and of the express lane, and that neither starves the other."""

import pytest

from shared_lua import keys
from shared_lua.scripts import Decision
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes
from worker_agent.lanes.capacity import Capacity, Grant
from worker_agent.lanes.heartbeat import new_worker
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def durable(share: int, side: RedisAdapter, worker: str) -> Capacity:
    """The capacity of a durable lane that borrows from a worker's express lane."""
    return Capacity(
        share, lambda wanted: side.borrow_capacity(worker, wanted), lambda n: side.return_capacity(worker, n)
    )


def test_the_durable_lane_has_its_share_and_borrows_what_is_free(lanes: Lanes) -> None:
    worker, side = lanes.named(free=3), lanes.side()
    capacity = durable(2, side, worker)

    grants = [capacity.take(10, patience_s=0.01) for _ in range(3)]

    assert grants == [Grant(2), Grant(3, borrowed=True), Grant(0)]
    assert lanes.admit(asked()) is Decision.WAITS
    capacity.release(Grant(2, borrowed=True))
    assert lanes.client.llen(keys.lane(worker)) == 1
    assert lanes.admit(asked(invocation_id="i-2")) is Decision.EXPRESS
    capacity.release(Grant(2))
    assert capacity.take(10, 0.01) == Grant(2)


def test_the_durable_lane_leaves_capacity_for_callers(lanes: Lanes) -> None:
    worker, side = lanes.named(free=8), lanes.side(left=1)

    assert [side.borrow_capacity(worker, wanted) for wanted in (5, 5, 5)] == [5, 2, 0]
    assert [lanes.admit(asked(invocation_id=f"i-{n}")) for n in range(2)] == [Decision.EXPRESS, Decision.WAITS]


def test_a_flood_of_callers_leaves_the_durable_lane_its_share(lanes: Lanes) -> None:
    worker, side = lanes.named(free=3), lanes.side()
    capacity = durable(1, side, worker)

    words = [lanes.admit(asked(invocation_id=f"i-{n}")) for n in range(10)]

    assert words == [Decision.EXPRESS] * 3 + [Decision.WAITS] * 7
    assert capacity.take(10, 0.01) == Grant(1)


def test_a_redis_that_forgot_a_worker_learns_of_its_capacity_anew_and_no_other(
    lanes: Lanes,
) -> None:
    worker, side = new_worker(4), lanes.side()
    assert side.heartbeat(worker, able=True, free=4, for_ms=60_000)
    lanes.admit(asked())

    assert side.heartbeat(worker, able=True, free=4, for_ms=60_000)
    assert lanes.free() == 3
    lanes.client.flushall()

    assert not side.heartbeat(worker, able=True, free=2, for_ms=60_000)
    assert lanes.free() == 2
