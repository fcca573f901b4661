"""A part that is down is a 503 that names it, and the controller goes on by itself when it is back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalicelib import wiring
from chalicelib.config import Settings
from chalicelib.errors import UnavailableError
from chalicelib.wiring import Controller

from shared_lua.contract import Settlement
from tests.apigateway import Gateway
from tests.conftest import RedisServer, free_port
from tests.integration.api.conftest import Configure, Deployed, success

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def test_redis_down_is_a_503_and_its_return_is_noticed(gateway: Gateway, key: Key, redis_server: RedisServer) -> None:
    assert gateway.send("GET", "/functions", headers=key).status == 200

    with redis_server.away():
        people = gateway.send("GET", "/functions", headers=key)
        machines = gateway.send("GET", "/2015-03-31/functions", headers=key)
        health = gateway.send("GET", "/health")

    assert (people.status, int(people.headers["retry-after"]) >= 1) == (503, True)
    assert "Redis" in people.json["error"]
    assert (machines.status, machines.headers["x-amzn-errortype"]) == (503, "ServiceException")
    assert machines.json["Type"] == "Service"
    assert health.status == 503
    assert [part for part, state in health.json["parts"].items() if state != "ok"] == ["redis"]
    assert gateway.send("GET", "/functions", headers=key).status == 200


def test_aws_down_is_a_503_that_names_the_part(gateway: Gateway, key: Key, configure: Configure) -> None:
    gone = configure(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")

    answer = gateway.send("GET", "/functions", headers=key)

    assert answer.status == 503
    assert "DynamoDB" in answer.json["error"]
    assert {part for part, state in gone.health.states().items() if state != "ok"} == {"tables", "bucket", "queue"}


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

    monkeypatch.setattr(hearth.invocations.answers, "wait_answer", lose)

    answer = deployed.call()

    assert answer.status == 202
    assert deployed.get(answer.headers["location"]).json["status"] == "queued"


def test_a_restarted_redis_is_given_its_scripts_again(deployed: Deployed, redis_server: RedisServer) -> None:
    redis_server.stop()
    redis_server.start()
    deployed.serve(success("1"))

    assert deployed.call().body == "1"


def test_many_callers_at_once_are_no_outage(environment: dict[str, str]) -> None:
    gate = wiring._gate(Settings.from_env(environment))
    callers = 150
    together = threading.Barrier(callers)

    def wait(number: int) -> Settlement | None:
        together.wait()
        return gate.wait_answer(f"nobody-answers-{number}", 1)

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(wait, range(callers))) == [None] * callers
