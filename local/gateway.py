"""Stands in for API Gateway: turns HTTP requests into calls of the Chalice app, as API Gateway and Lambda do.

It does not enforce API Gateway's 29 s for an answer. A thread cannot be stopped, and a second thread per request, on
which the first could give up, costs a third of the throughput. The app stops waiting earlier (HEARTH_SYNC_WAIT_S).
"""

import gc
import http
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from local import proxy_event
from local.process import die_with_parent, stay_on_one_core
from local.proxy_event import Answer, Request, Resource
from local.serve import serve

#: Threads for calls that do not wait for a function. With twice as many, each of two hundred callers waited a tenth
#: longer, as Python passes its lock around among all threads, in no order.
SPARE_THREADS = 48
#: How long a thread may run while others want to. At Python's own 5 ms, hundreds of waiting threads keep waking up.
SWITCH_INTERVAL_S = 0.1
#: Python's own 700 would start a collection after every second request, and there are no cycles to find.
OBJECTS_PER_COLLECTION = 10_000
MAX_BODY_BYTES = 10 * 1024 * 1024
LAMBDA_TIMEOUT_S = 30.0

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda passes to a handler beside the event, as far as the controller uses it."""

    aws_request_id: str
    function_name: str = "hearth-api"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "512"
    _deadline: float = field(default_factory=lambda: time.monotonic() + LAMBDA_TIMEOUT_S)

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until Lambda would stop this call."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Gateway:
    """A WSGI application around a Chalice app that is safe for concurrent calls."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._routes = proxy_event.Routes(list(app.routes))

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        answer = self._answer(environ)
        status = f"{answer.status} {_phrase(answer.status)}"
        start_response(status, answer.headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        request_id = str(uuid.uuid4())
        path, method = _raw_path(environ), environ["REQUEST_METHOD"]
        resource = self._routes.match(path)
        if resource and method == "OPTIONS" and self._cors_headers(resource):
            return Answer(200, self._cors_headers(resource), b"")
        if not resource or method not in self._app.routes[resource.path]:
            return _refusal(403, "Missing Authentication Token", request_id)
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return _refusal(413, "Request Too Long", request_id)
        return self._call(_request(environ, request_id, path, body), resource)

    def _call(self, request: Request, resource: Resource) -> Answer:
        """Calls the app as Lambda does: event and answer pass through JSON, and an exception becomes a 502."""
        event = proxy_event.event(request, resource, self._app.api.binary_types)
        try:
            answer = self._app(orjson.loads(orjson.dumps(event)), LambdaContext(request.request_id))
            return proxy_event.render(orjson.loads(orjson.dumps(answer)), request.request_id)
        except Exception:  # noqa: BLE001  (whatever the app raises, Lambda turns into an error and API Gateway into a 502)
            _log.exception("The app failed at %s %s", request.method, resource.path)
            return _refusal(502, "Internal server error", request.request_id)

    def _cors_headers(self, resource: Resource) -> list[tuple[str, str]]:
        """Returns the headers for a preflight request; none if no method of the resource allows other origins."""
        entries = self._app.routes[resource.path]
        allowing = [entry for entry in entries.values() if entry.cors]
        if not allowing:
            return []
        headers = allowing[0].cors.get_access_control_headers()
        return [*headers.items(), ("Access-Control-Allow-Methods", ",".join([*entries, "OPTIONS"]))]


def _raw_path(environ: Mapping[str, Any]) -> str:
    """Returns the path percent-encoded: WSGI decodes it, API Gateway does not."""
    return quote(environ["PATH_INFO"].encode("latin-1"), safe="/-._~")


def _request(environ: Mapping[str, Any], request_id: str, path: str, body: bytes) -> Request:
    return Request(
        request_id=request_id,
        method=environ["REQUEST_METHOD"],
        path=path,
        query=environ["QUERY_STRING"],
        headers=_headers(environ),
        body=body,
        source_ip=environ["REMOTE_ADDR"],  # the peer itself: a header may say anything
    )


def _headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = [(name[5:], value) for name, value in environ.items() if name.startswith("HTTP_")]
    plain = [(name, environ[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    return [(name.replace("_", "-").lower(), value) for name, value in named + plain]


def _refusal(status: int, message: str, request_id: str) -> Answer:
    headers = [("content-type", "application/json"), ("x-amzn-requestid", request_id)]
    return Answer(status, headers, json.dumps({"message": message}).encode())


def _phrase(status: int) -> str:
    return http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else "Unknown"


def threads(environ: Mapping[str, str]) -> int:
    """Returns how many threads are needed: one for each caller that waits for a function, and some more."""
    running, waiting = environ.get("HEARTH_CONCURRENCY", "64"), environ.get("HEARTH_WAITING", "16")
    return int(running) + int(waiting) + SPARE_THREADS


def application() -> Gateway:
    """Returns the gateway around Hearth's own app."""
    from app import app  # noqa: PLC0415  (only here: tests import this module with an app of their own)

    die_with_parent()
    gc.freeze()  # modules live as long as the process, so no collection needs to look through them
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    return Gateway(app)


if __name__ == "__main__":
    at_port = int(sys.argv[1])
    # Python runs one thread at a time anyway. On one core a thread passes its turn to the next without waking another
    # core; under two hundred callers those wake-ups cost more than everything else (see ARCHITECTURE.md).
    stay_on_one_core(at_port)
    serve("local.gateway:application", at_port, threads(os.environ))
