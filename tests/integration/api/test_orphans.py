"""What dead workers had in flight, when only the controller's tick is left to look, on a real Redis and moto."""

from typing import Any

import pytest
import redis
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Status
from tests.builders import invocation
from tests.integration.api.conftest import settlement_of, success
from worker_agent.stores.ledger import Ledger

pytestmark = [pytest.mark.aws, pytest.mark.redis]

DEAD = "dead|2"


def leave(client: redis.Redis, *in_flight: Invocation, worker: str = DEAD, until_ms: int = 1) -> None:
    """Have a worker, whose word counts until then, with these in flight."""
    client.zadd(keys.living(), {worker: until_ms})
    client.zadd(keys.free_capacity(), {worker: 1})
    for one in in_flight:
        client.rpush(keys.in_flight(worker), encode(one))


def queued(aws: Any, data: dict[str, str]) -> list[Invocation]:
    """What the durable lane has."""
    found = aws("sqs").receive_message(QueueUrl=data["QueueUrl"], MaxNumberOfMessages=10).get("Messages", [])
    return [decode(Invocation, message["Body"]) for message in found]


def test_the_tick_gives_what_a_dead_worker_had_to_the_durable_lane(
    hearth: Controller, redis_client: redis.Redis, aws: Any, data: dict[str, str]
) -> None:
    in_flight, on_the_lane = invocation(invocation_id="i-1"), invocation(invocation_id="i-2")
    leave(redis_client, in_flight)
    redis_client.rpush(keys.lane(DEAD), encode(on_the_lane))

    hearth.operations.chores.run()
    hearth.operations.chores.run()

    assert sorted(queued(aws, data), key=lambda one: one.invocation_id) == [in_flight, on_the_lane]
    rows = [hearth.invocations.ledger.find(one.invocation_id) for one in (in_flight, on_the_lane)]
    assert [row and row.status for row in rows] == [Status.QUEUED, Status.QUEUED]
    assert redis_client.llen(keys.orphaned()) == redis_client.zcard(keys.living()) == 0
    assert redis_client.zcard(keys.free_capacity()) == 0


def test_a_worker_that_lives_keeps_what_it_has(
    hearth: Controller, redis_client: redis.Redis, aws: Any, data: dict[str, str]
) -> None:
    leave(redis_client, invocation(), worker="alive|2", until_ms=10**15)

    hearth.operations.chores.run()

    assert redis_client.llen(keys.in_flight("alive|2")) == 1
    assert queued(aws, data) == []


def test_an_orphan_whose_caller_noted_that_it_runs_is_queued_all_the_same(
    hearth: Controller, redis_client: redis.Redis, aws: Any, data: dict[str, str]
) -> None:
    one = invocation()
    leave(redis_client, one)
    hearth.invocations.ledger.note_running(one)

    hearth.operations.chores.run()

    assert queued(aws, data) == [one]


def test_an_orphan_that_has_ended_is_not_run_again(
    hearth: Controller, redis_client: redis.Redis, aws: Any, data: dict[str, str]
) -> None:
    one = invocation()
    leave(redis_client, one)
    ledger = Ledger(aws("dynamodb"), data["InvocationsTable"], data["ItemsTable"])
    ledger.record([(one, settlement_of(one.invocation_id, success()))])

    hearth.operations.chores.run()

    assert queued(aws, data) == []
    assert redis_client.llen(keys.orphaned()) == 0


def test_what_is_no_invocation_is_dropped_and_keeps_nobody_up(
    hearth: Controller, redis_client: redis.Redis, aws: Any, data: dict[str, str]
) -> None:
    one = invocation()
    redis_client.rpush(keys.orphaned(), "nonsense", encode(one))

    hearth.operations.chores.run()

    assert queued(aws, data) == [one]
    assert redis_client.llen(keys.orphaned()) == 0
