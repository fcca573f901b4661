"""What the operator sees: the workers by their own word, and the figures of the controller's process."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from chalicelib import wiring
from chalicelib.operations import wiring as operations_wiring
from chalicelib.operations.metrics import Metrics
from chalicelib.wiring import Controller
from prometheus_client.parser import text_string_to_metric_families

from shared_lua import keys
from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
ABOUT = {"running": 1, "slots": {"leased": 1, "idle": 2}, "stems": {"python3.11": 2}}


@pytest.fixture
def admin(hearth: Controller) -> Key:
    return {"x-api-key": hearth.tenants.administration.new_admin_key().secret}


@pytest.fixture
def present(redis_client: redis.Redis) -> Iterator[Callable[..., Heartbeat]]:
    """Let a worker be present until the test ends."""
    there: list[Heartbeat] = []

    def start(concurrency: int, about: Callable[[], dict[str, Any]] = dict) -> Heartbeat:
        heartbeat = Heartbeat(RedisAdapter(redis_client), new_worker(concurrency), about)
        heartbeat.tell()
        there.append(heartbeat)
        heartbeat.start()
        return heartbeat

    yield start
    for heartbeat in there:
        heartbeat.stop()


def workers(gateway: Gateway, admin: Key) -> list[dict[str, Any]]:
    answer = gateway.send("GET", "/workers", headers=admin)
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.json["workers"]
    return found


def test_workers_are_listed_with_what_they_say_of_themselves(
    gateway: Gateway, admin: Key, present: Callable[..., Heartbeat]
) -> None:
    present(8, lambda: ABOUT)
    present(3)

    first, second = workers(gateway, admin)

    assert {name: first[name] for name in ABOUT} == ABOUT
    assert (first["concurrency"], first["able"], second["concurrency"]) == (8, True, 3)
    assert first["since"] <= second["since"]
    assert first["id"] != second["id"]
    assert first.keys() == {"id", "host", "schema", "since", "concurrency", "able", *ABOUT}


def test_a_worker_that_cannot_start_functions_is_listed_and_one_that_stopped_is_not(
    gateway: Gateway, admin: Key, present: Callable[..., Heartbeat]
) -> None:
    unable, stopped = present(1), present(2)

    unable._able = False
    unable.tell()
    stopped.stop()

    assert [(one["concurrency"], one["able"]) for one in workers(gateway, admin)] == [(1, False)]


def test_the_word_of_a_worker_that_died_expires(gateway: Gateway, admin: Key, redis_client: redis.Redis) -> None:
    gone = threading.Event()
    RedisAdapter(redis_client).describe("dead", '{"id":"dead","since_us":1}', for_ms=50)

    while redis_client.exists(keys.worker_status("dead"), keys.worker_statuses()):
        assert not gone.wait(0.01)

    assert workers(gateway, admin) == []


@pytest.mark.parametrize("path", ["/workers", "/metrics"])
def test_a_tenant_sees_neither(gateway: Gateway, key: Key, path: str) -> None:
    assert gateway.send("GET", path, headers=key).status == 403
    assert gateway.send("GET", path).status == 401


def test_a_tenant_is_told_how_much_room_there_is_and_nothing_of_any_worker(
    gateway: Gateway, key: Key, present: Callable[..., Heartbeat]
) -> None:
    present(8, lambda: {"running": 3})
    present(1, lambda: {"running": 2})  # one starts while another one ends: never less than none
    present(2)
    unable = present(100)
    unable._able = False
    unable.tell()

    answer = gateway.send("GET", "/fleet", headers=key)

    assert (answer.status, answer.json) == (200, {"workers": 3, "places": 11, "free": 7})


def test_without_workers_there_is_no_room(gateway: Gateway, key: Key) -> None:
    assert gateway.send("GET", "/fleet", headers=key).json == {"workers": 0, "places": 0, "free": 0}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, configure: Configure) -> Iterator[Gateway]:
    """The way to an app whose figures begin now."""
    from app import app

    operations_wiring.metrics.cache_clear()
    configure()
    yield Gateway(app)
    operations_wiring.metrics.cache_clear()


def figures(answer: Answer) -> dict[tuple[str, ...], float]:
    """The samples by name and the values of their labels, those of the process left out."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=1.0.0; charset=utf-8")
    families = text_string_to_metric_families(answer.body)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name.removeprefix("hearth_api_"), *one.labels.values()): one.value for one in samples}


def test_answers_are_counted_by_api_and_status_and_timed(fresh: Gateway, configure: Configure) -> None:
    hearth = wiring.controller()
    admin = {"x-api-key": hearth.tenants.administration.new_admin_key().secret}
    tenant = {"x-api-key": hearth.tenants.administration.create("acme").api_key}
    for path in ("/functions", "/functions", "/functions/nobody", "/2015-03-31/functions"):
        fresh.send("GET", path, headers=tenant)
    fresh.send("GET", "/url/nobody")

    found = figures(fresh.send("GET", "/metrics", headers=admin))

    assert found["answers_total", "rest", "200"] == 2
    assert found["answers_total", "rest", "404"] == 1
    assert found["answers_total", "lambda", "200"] == 1
    assert sum(value for name, value in found.items() if name[:2] == ("answers_total", "url")) == 1
    assert found["answer_seconds_count", "rest"] == 3
    assert found["under_way", "rest"] == 1, "the call that asks for the figures"
    assert found["under_way", "lambda"] == 0
    assert found["answer_seconds_bucket", "rest", "30.0"] == 3
    assert "acme" not in str(found)


def test_refusals_are_counted_by_reason(fresh: Gateway, configure: Configure) -> None:
    hearth = configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1")
    tenant = {"x-api-key": hearth.tenants.administration.create("acme").api_key}
    admin = {"x-api-key": hearth.tenants.administration.new_admin_key().secret}

    statuses = [fresh.send("GET", "/functions", headers=tenant).status for _ in range(3)]
    found = figures(fresh.send("GET", "/metrics", headers=admin))

    assert statuses == [200, 429, 429]
    assert found["refusals_total", "CallerRateLimitExceeded"] == 2


def test_figures_begin_with_the_process(fresh: Gateway) -> None:
    assert "hearth_api_answers_total{" not in Metrics().text()
