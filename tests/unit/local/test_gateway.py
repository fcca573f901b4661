"""The gateway as a WSGI callable, around an app that is a plain function."""

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from chalicelib.config import NUMBERS

from local.gateway import SPARE_THREADS, Gateway, threads
from worker_agent import config as worker_config

WORKER_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "HEARTH_REDIS_URL": "redis://127.0.0.1:1/0",
    **{f"HEARTH_{name}": "x" for name in ("BUCKET", "INVOCATIONS_TABLE", "ITEMS_TABLE", "QUEUE_URL")},
}


class App:
    """As much of a Chalice app as the gateway uses: routes, binary types, and what Lambda would call."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.routes = {"/x/{name}": {"POST": SimpleNamespace(cors=None)}}
        self.api = SimpleNamespace(binary_types=["application/zip"])
        self._function = function

    def __call__(self, event: Any, context: Any) -> Any:
        return self._function(event, context)


def post(function: Callable[[Any, Any], Any], path: str = "/x/y") -> tuple[str, Any]:
    """Send one request through a gateway around `function`; give the status line and the JSON that came back."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": "192.0.2.7",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "2",
        "HTTP_X_API_KEY": "k",
        "wsgi.input": io.BytesIO(b"{}"),
    }
    statuses: list[str] = []
    body = b"".join(Gateway(App(function))(environ, lambda status, headers: statuses.append(status)))
    return statuses[0], json.loads(body)


def test_the_app_gets_an_event_and_a_lambda_context() -> None:
    def app(event: Any, context: Any) -> Any:
        seen = [
            event["headers"],
            event["pathParameters"],
            event["requestContext"]["requestId"] == context.aws_request_id,
        ]
        return {"statusCode": 200, "body": json.dumps([*seen, 0 < context.get_remaining_time_in_millis() <= 30_000])}

    status, seen = post(app, "/x/\u00c3\u00a9 y")

    assert status == "200 OK"
    headers = {"x-api-key": "k", "content-type": "application/json", "content-length": "2"}
    assert seen == [headers, {"name": "%C3%A9%20y"}, True, True]


def test_a_status_without_a_name_of_its_own_is_passed_on() -> None:
    assert post(lambda event, context: {"statusCode": 299, "body": "1"}) == ("299 Unknown", 1)


@pytest.mark.parametrize(
    "answer", [None, {"body": "no status"}, {"statusCode": 200, "headers": {"X": 1}}, {"a": object()}]
)
def test_an_answer_that_lambda_or_api_gateway_would_refuse_is_a_502(answer: object) -> None:
    assert post(lambda event, context: answer) == ("502 Bad Gateway", {"message": "Internal server error"})


def test_a_crash_of_the_app_is_a_502_and_tells_the_caller_nothing() -> None:
    def crash(event: Any, context: Any) -> Any:
        raise RuntimeError("secret")

    assert post(crash) == ("502 Bad Gateway", {"message": "Internal server error"})


def test_there_are_more_threads_than_the_worker_and_the_controller_let_wait() -> None:
    by_default = worker_config.Settings.from_env(WORKER_ENVIRONMENT).concurrency + NUMBERS["HEARTH_WAITING"]

    assert threads({}) == by_default + SPARE_THREADS
    assert threads({"HEARTH_CONCURRENCY": "96", "HEARTH_WAITING": "256"}) == 352 + SPARE_THREADS
