"""What is to be kept warm: through a real Redis, into real containers."""

import json
from typing import Any, cast

import pytest
import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Held, Provision
from tests.builders import invocation, version, zip_of
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.driving import HELLO
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.stores.redis_adapter import RedisAdapter

CODE = zip_of(main=HELLO)


def request(client: redis.Redis, qualifier: str, wanted: int, **changed: Any) -> None:
    of = version(CODE, memory_mb=256, **changed)
    client.hset(keys.provisions(), keys.provision("t", "f", qualifier), encode(Provision(version=of, wanted=wanted)))


@pytest.mark.redis
def test_a_wish_that_cannot_be_read_keeps_none_of_the_others_from_being_read(redis_client: redis.Redis) -> None:
    request(redis_client, "1", 2)
    redis_client.hset(keys.provisions(), "t/f/2", '{"schema": 99}')

    assert [one.wanted for one in RedisAdapter(redis_client).provisions()] == [2]


@pytest.mark.redis
def test_what_a_worker_tells_replaces_what_it_told_and_is_forgotten_with_it(redis_client: redis.Redis) -> None:
    side, key = RedisAdapter(redis_client), keys.held("w|8")
    side.tell_held("w|8", {("t", "f", "old"): Held(held=1, idle=1)}, 60_000)
    side.tell_held("w|8", {("t", "f", "new"): Held(held=2, idle=0)}, 60_000)

    told = redis_client.hgetall(key)
    assert {field: decode(Held, cast(bytes, text).decode()).held for field, text in told.items()} == {b"t/f/new": 2}
    assert 0 < redis_client.pttl(key) <= 60_000
    side.tell_held("w|8", {}, 60_000)
    assert not redis_client.exists(key)


@pytest.mark.redis
@pytest.mark.docker
def test_a_provisioned_version_runs_warm_the_first_time(redis_client: redis.Redis, sandboxes: TidySandboxes) -> None:
    side, pool = RedisAdapter(redis_client), Pool(4, 4096)
    heartbeat, stems = Heartbeat(side, new_worker(2)), Stems(sandboxes, {})
    executor = Executor(pool, stems, lambda _: CODE, Prices(16_666_700, 200_000, 1000))
    provisioning = Provisioning(redis_adapter=side, heartbeat=heartbeat, pool=pool, start=executor.start, spare=2)
    request(redis_client, "live", 2, number="1")

    provisioning.turn()

    of = version(CODE, memory_mb=256, number="1")
    told = redis_client.hget(keys.held(heartbeat.worker), keys.held_version("t", "f", of.version_id))
    assert decode(Held, cast(bytes, told).decode()) == Held(held=2, idle=2)
    settlement = executor.execute(invocation(version=of, payload='{"n": 1}'), b'{"n": 1}', 0, 1)
    assert settlement.usage
    assert (settlement.usage.cold, json.loads(settlement.outcome.payload or "")) == (False, {"n": 1})
    pool.close()
