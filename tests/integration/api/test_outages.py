"""A part that is down is a 503 that names it, and the controller goes on by itself when it is back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalicelib import wiring
from chalicelib.admission.request import InvokeRequest
from chalicelib.config import Settings
from chalicelib.errors import UnavailableError
from chalicelib.wiring import Controller

from shared_lua.contract import Invocation, Mode, Settlement, Status
from tests.apigateway import Gateway
from tests.conftest import RedisServer, free_port
from tests.integration.api.conftest import Configure, Deployed, Worker, success

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def test_redis_down_is_a_503_and_its_return_is_noticed(gateway: Gateway, key: Key, redis_server: RedisServer) -> None:
    assert gateway.send("GET", "/functions", headers=key).status == 200

    with redis_server.away():
        rest = gateway.send("GET", "/functions", headers=key)
        lambda_api = gateway.send("GET", "/2015-03-31/functions", headers=key)
        health = gateway.send("GET", "/health")

    assert (rest.status, int(rest.headers["retry-after"]) >= 1) == (503, True)
    assert "Redis" in rest.json["error"]
    assert (lambda_api.status, lambda_api.headers["x-amzn-errortype"]) == (503, "ServiceException")
    assert lambda_api.json["Type"] == "Service"
    assert health.status == 503
    assert [part for part, state in health.json["parts"].items() if state != "ok"] == ["redis"]
    assert gateway.send("GET", "/functions", headers=key).status == 200


def test_aws_down_is_a_503_that_names_the_part(gateway: Gateway, key: Key, configure: Configure) -> None:
    gone = configure(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")

    answer = gateway.send("GET", "/functions", headers=key)

    assert answer.status == 503
    assert "DynamoDB" in answer.json["error"]
    assert {item for item, state in gone.operations.health.states().items() if state != "ok"} == {
        "tables",
        "bucket",
        "queue",
    }


@pytest.mark.parametrize("event", [b"{}", b'"' + b"x" * 200_000 + b'"'])
def test_work_that_no_queue_takes_leaves_no_trace(
    deployed: Deployed, configure: Configure, kept: Callable[[], dict[str, int]], data: dict[str, str], event: bytes
) -> None:
    before = kept()
    configure(HEARTH_QUEUE_URL=data["QueueUrl"] + "-gone")

    answer = deployed.call(event)

    assert answer.status == 503
    assert "SQS" in answer.json["error"]
    assert kept() == before


def test_redis_lost_while_waiting_turns_the_call_into_a_202(
    deployed: Deployed, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: Any) -> None:
        raise UnavailableError("Redis")

    monkeypatch.setattr(hearth.invocations.invoker.redis, "wait_answer", lose)

    answer = deployed.call()

    assert answer.status == 202
    assert deployed.get(answer.headers["location"]).json["status"] == "queued"


def test_a_restarted_redis_is_given_its_scripts_again(deployed: Deployed, redis_server: RedisServer) -> None:
    redis_server.stop()
    redis_server.start()
    deployed.serve(success("1"))

    assert deployed.call().body == "1"


def test_many_callers_at_once_are_no_outage(environment: dict[str, str]) -> None:
    gate = wiring._redis_adapter(Settings.from_env(environment))
    callers = 150
    together = threading.Barrier(callers)

    def wait(number: int) -> Settlement | None:
        together.wait()
        return gate.wait_answer(f"nobody-answers-{number}", 1)

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(wait, range(callers))) == [None] * callers


def lost_answers(hearth: Controller, worker: Worker, monkeypatch: pytest.MonkeyPatch, status: Status) -> list[str]:
    """Have the queue take every message and its answers be lost, each only once a worker has brought the row so far."""
    send, taken = hearth.invocations.invoker.lane.send, list[str]()

    def lose(invocation: Invocation) -> None:
        send(invocation)
        taken.append(worker.take().invocation_id)
        worker.dynamodb.update_item(
            TableName=worker.data["InvocationsTable"],
            Key={"invocation_id": {"S": invocation.invocation_id}},
            UpdateExpression="SET #status = :status, attempt = :attempt",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status.value}, ":attempt": {"N": "1"}},
        )
        raise UnavailableError("The queue (SQS)")

    monkeypatch.setattr(hearth.invocations.invoker.lane, "send", lose)
    return taken


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED])
@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "once"}])
def test_the_record_of_what_a_worker_had_stands_though_the_queues_answer_was_lost(
    deployed: Deployed, hearth: Controller, monkeypatch: pytest.MonkeyPatch, status: Status, headers: dict[str, Any]
) -> None:
    taken = lost_answers(hearth, deployed.worker, monkeypatch, status)

    answer = deployed.call(query="?mode=async", **headers)

    assert (answer.status, answer.json["invocation_id"]) == (202, taken[0])
    assert deployed.get(answer.headers["location"]).json["status"] == status


def test_what_stands_for_one_run_is_not_run_again_though_the_queues_answer_was_lost(
    deployed: Deployed, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = lost_answers(hearth, deployed.worker, monkeypatch, Status.RUNNING)
    request = InvokeRequest(function="hello", event=b"{}", mode=Mode.ASYNC)

    assert [hearth.invocations.invoker.queue_once("acme", request, "i-1") for _ in range(2)] == [True, True]
    assert taken == ["i-1"]
