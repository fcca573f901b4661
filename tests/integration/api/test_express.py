"""What was answered over the express lane is to be seen at once, wherever its record is on its way to the ledger."""

import pytest
import redis
from chalicelib.errors import UnavailableError
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Settlement
from tests.integration.api.conftest import Configure, Deployed, settlement_of, success
from tests.waiting import eventually
from worker_agent.lanes.heartbeat import new_worker
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def serve(side: RedisAdapter, worker: str) -> tuple[Invocation, Settlement]:
    """Be a worker that answers the next Invocation on its lane, and dies before the ledger has the record."""
    item = side.next_express(worker, 10)
    assert item
    invocation = decode(Invocation, item)
    settlement = settlement_of(invocation.invocation_id, success("1"))
    assert side.settle_express(worker, invocation, item, settlement)
    return invocation, settlement


def test_a_caller_with_an_answer_sees_its_record_though_the_worker_died_before_the_ledger_had_it(
    deployed: Deployed, hearth: Controller, redis_client: redis.Redis
) -> None:
    side, worker = RedisAdapter(redis_client), new_worker(1)
    side.heartbeat(worker, able=True, free=1, for_ms=60_000)
    served = deployed.aside.submit(serve, side, worker)
    answer = deployed.call()
    invocation, settlement = served.result()
    where = f"/invocations/{invocation.invocation_id}"
    anonymous = {"x-api-key": hearth.tenants.administration.create("other").api_key}

    coming = deployed.get(where)

    assert (answer.status, answer.body) == (200, "1")
    assert hearth.invocations.ledger.find(invocation.invocation_id) is None
    assert (coming.status, coming.json["status"], coming.json["outcome"]["payload"]) == (200, "succeeded", 1)
    assert deployed.gateway.send("GET", where, headers=anonymous).status == 404

    Ledger(
        deployed.worker.dynamodb, deployed.worker.data["InvocationsTable"], deployed.worker.data["ItemsTable"]
    ).record([(invocation, settlement)])
    redis_client.delete(keys.records())
    assert deployed.get(where).json == coming.json


def test_a_record_that_reaches_the_ledger_while_it_is_looked_for_is_found(
    deployed: Deployed, hearth: Controller, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = deployed.call(query="?mode=async").json["invocation_id"]
    find, looks = hearth.invocations.ledger.find, list[str]()

    def too_early(invocation_id: str) -> object:
        looks.append(invocation_id)
        return find(invocation_id) if len(looks) > 1 else None

    monkeypatch.setattr(hearth.invocations.ledger, "find", too_early)
    redis_client.set(keys.answered(accepted), "1700000000000-0")

    assert deployed.get(f"/invocations/{accepted}").status == 200


def test_who_gets_no_place_of_an_express_lane_soon_goes_by_the_queue(
    deployed: Deployed, redis_client: redis.Redis
) -> None:
    RedisAdapter(redis_client).heartbeat(new_worker(1), able=True, free=0, for_ms=60_000)
    served = deployed.serve(success("2"))

    answer = deployed.call()

    assert (answer.status, answer.body) == (200, "2")
    assert served.result()
    assert redis_client.exists(keys.waiting()) == 0


def test_who_gets_a_place_while_it_waits_is_served_there(deployed: Deployed, redis_client: redis.Redis) -> None:
    side, worker = RedisAdapter(redis_client), new_worker(1)
    side.heartbeat(worker, able=True, free=0, for_ms=60_000)
    called = deployed.aside.submit(deployed.call)
    eventually(lambda: redis_client.llen(keys.waiting()) == 1)

    side.return_capacity(worker, 1)
    serve(side, worker)

    answer = called.result()
    assert (answer.status, answer.body) == (200, "1")


def test_who_waits_while_redis_loses_its_memory_goes_by_the_queue(
    deployed: Deployed, redis_client: redis.Redis
) -> None:
    RedisAdapter(redis_client).heartbeat(new_worker(1), able=True, free=0, for_ms=60_000)

    def forget_and_serve() -> Invocation:
        eventually(lambda: redis_client.llen(keys.waiting()) == 1)
        redis_client.flushall()
        return deployed.worker.serve_one(success("2"))

    served = deployed.aside.submit(forget_and_serve)

    assert deployed.call().body == "2"
    assert served.result().mode == "sync"


def test_who_cannot_be_taken_back_goes_by_the_queue_too_and_ends_once(
    configure: Configure, deployed: Deployed, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearth = configure(HEARTH_SYNC_WAIT_S="2")
    side, worker, data = RedisAdapter(redis_client), new_worker(1), deployed.worker.data
    side.heartbeat(worker, able=True, free=0, for_ms=60_000)

    def fail(invocation_id: str, _: str) -> bool:
        side.return_capacity(worker, 1)
        ledger = Ledger(deployed.worker.dynamodb, data["InvocationsTable"], data["ItemsTable"])
        ledger.record([serve(side, worker)])
        redis_client.delete(keys.answer(invocation_id))
        raise UnavailableError("Redis")

    monkeypatch.setattr(hearth.invocations.invoker.redis, "cancel", fail)

    answer = deployed.call()

    assert answer.status == 202
    row = deployed.get(f"/invocations/{answer.json['invocation_id']}").json
    assert (row["status"], row["outcome"]["payload"]) == ("succeeded", 1)
    assert deployed.worker.take().invocation_id == answer.json["invocation_id"]
