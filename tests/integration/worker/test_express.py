"""The express lane on a real Redis and moto's DynamoDB and SQS; only the sandboxes are stand-ins."""

import threading
from functools import partial
from typing import Any

import pytest

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Provision, Status
from shared_lua.scripts import Decision
from tests.builders import ran
from tests.conftest import RedisServer
from tests.fakes import fake_start
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes
from tests.waiting import eventually
from worker_agent.errors import EngineUnavailableError
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.pool.slots import Pool
from worker_agent.sandboxes.runtime_api import How
from worker_agent.stores.redis_adapter import WARM_MS

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_a_granted_invocation_runs_and_leaves_answer_record_sums_and_free_capacity(lanes: Lanes) -> None:
    lanes.worker(capacity=2)
    one = asked(invocation_id="i-1")

    assert lanes.admit(one) is Decision.EXPRESS
    settlement = lanes.answer(one)

    assert settlement.outcome.status is Status.SUCCEEDED
    eventually(lambda: lanes.has_row(one, "succeeded"))
    assert lanes.world.row(one)[1] == settlement
    assert sum(sums.invocations for sums in lanes.world.daily_usage().values()) == 1
    eventually(lambda: lanes.client.xlen(keys.records()) == 0)
    assert lanes.free() == 2
    assert lanes.client.zcard(keys.tenant_permits("t")) == lanes.client.zcard(keys.fleet_permits()) == 0


def test_without_an_express_lane_it_goes_by_the_queue(lanes: Lanes) -> None:
    lanes.side().heartbeat(new_worker(2), able=True, free=-1, for_ms=60_000)

    assert lanes.admit(asked()) is Decision.GO


def test_what_must_not_travel_so_goes_by_the_queue_although_capacity_is_free(lanes: Lanes) -> None:
    lanes.named()

    assert lanes.admit(asked(), express=False) is Decision.GO


def test_a_worker_that_has_the_version_warm_is_preferred_if_it_has_a_place(lanes: Lanes) -> None:
    cold, warm = lanes.named(free=5), lanes.named(free=1)
    lanes.client.zadd(keys.warm(asked().version.version_id), {warm: 1})

    for n in range(2):
        assert lanes.admit(asked(invocation_id=f"i-{n}")) is Decision.EXPRESS

    assert lanes.client.llen(keys.lane(warm)) == 1
    assert lanes.client.llen(keys.lane(cold)) == 1


def test_a_provisioned_versions_first_call_goes_where_it_is_warm_and_that_is_told_while_one_is_idle(
    lanes: Lanes,
) -> None:
    roomy, visibility_heartbeat, one = lanes.named(free=5), lanes.named(free=1), asked()
    provision = encode(Provision(version=one.version, wanted=2))
    lanes.client.hset(keys.provisions(), keys.provision("t", "f", "live"), provision)
    pool, warm = Pool(4, 4096), keys.warm(one.version.version_id)
    heartbeat = Heartbeat(lanes.side(), visibility_heartbeat)
    provisioning = Provisioning(redis_adapter=lanes.side(), heartbeat=heartbeat, pool=pool, start=fake_start)

    provisioning.turn()

    assert lanes.admit(one) is Decision.EXPRESS
    assert (lanes.client.llen(keys.lane(visibility_heartbeat)), lanes.client.llen(keys.lane(roomy))) == (1, 0)
    lanes.client.zadd(warm, {visibility_heartbeat: 1, "long gone|8": 1})
    with pool.lease(one.version, lambda request: fake_start(one.version, request)):
        provisioning.turn()
        assert lanes.client.zscore(warm, visibility_heartbeat) == 1
    provisioning.turn()
    said_ms: Any = lanes.client.zscore(warm, visibility_heartbeat)
    assert said_ms > 1
    assert lanes.client.zcard(warm) == 1
    assert 0 < lanes.client.pttl(warm) <= WARM_MS


def test_a_worker_that_is_dead_or_cannot_start_functions_is_granted_nothing(lanes: Lanes) -> None:
    lanes.named(for_ms=1)
    lanes.side().heartbeat(new_worker(5), able=False, free=5, for_ms=60_000)
    eventually(lambda: lanes.side().board.dead_workers() != [])

    assert lanes.admit(asked()) is Decision.GO


def test_what_cannot_run_here_is_left_to_the_durable_lane_and_the_capacity_is_free_again(lanes: Lanes) -> None:
    lanes.worker(capacity=1)
    one = asked(invocation_id="i-1")

    def fail(*_: Any) -> Any:
        raise EngineUnavailableError("down")

    lanes.world.handler._executor.execute = fail  # type: ignore[method-assign,assignment]
    lanes.world.sandboxes.down.clear()
    assert lanes.admit(one) is Decision.EXPRESS

    eventually(lambda: lanes.has_row(one, "queued"))
    eventually(lambda: [got.invocation_id for got in lanes.queued()] == ["i-1"])
    assert lanes.free() == 1


def test_an_error_of_any_making_ends_in_an_answer_and_the_lane_goes_on(lanes: Lanes) -> None:
    lanes.worker(capacity=1)
    lanes.world.sandboxes.behave = lambda *_: ran(How.FAILED, b'{"errorType": "\\ud800"}')

    for n in range(2):
        one = asked(invocation_id=f"i-{n}")
        assert lanes.admit(one) is Decision.EXPRESS
        assert lanes.answer(one).outcome.error_type == "?"
        eventually(partial(lanes.has_row, one, "failed"))


def test_when_redis_loses_its_memory_in_mid_run_the_record_stands(lanes: Lanes, redis_server: RedisServer) -> None:
    lanes.worker(capacity=1)
    running, go_on = threading.Event(), threading.Event()

    def wait(_: Invocation, __: bytes) -> Any:
        running.set()
        assert go_on.wait(20)
        return ran()

    lanes.world.sandboxes.behave = wait
    one = asked(invocation_id="i-1")
    lanes.admit(one)
    assert running.wait(20)

    lanes.client.flushall()
    go_on.set()

    eventually(lambda: lanes.has_row(one, "succeeded"))


def test_a_worker_that_stops_gives_back_what_it_has_not_begun(lanes: Lanes) -> None:
    lane = lanes.worker(capacity=1)
    lane.stop()
    lane.join(10)
    lanes.side().heartbeat(lane._worker, able=True, free=5, for_ms=60_000)
    one = asked(invocation_id="i-1")
    assert lanes.admit(one) is Decision.EXPRESS

    lane.give_up()

    assert [got.invocation_id for got in lanes.queued()] == ["i-1"]
    assert lanes.has_row(one, "queued")
