"""Stands in for API Gateway: HTTP in, the Chalice app called as Lambda would, HTTP out; it knows no route by itself.

One limit of API Gateway it does not enforce: 29 s for an answer. A thread cannot be stopped, and a second thread per
request to give up on costs a third of the throughput. The app gives up waiting before (HEARTH_SYNC_WAIT_S).
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

#: Beside those that wait for a function: for all other calls. With twice as many two hundred callers waited a tenth
#: longer, as Python hands its lock on among all of them, in no order.
SPARE_THREADS = 48
#: How long a thread that wants to run lets another go on, s: at Python's own 5 ms, hundreds that wait keep waking.
PATIENCE_S = 0.1
#: Python's own 700 has it look for cycles after every second request, where there are none.
OBJECTS_PER_COLLECTION = 10_000
MAX_BODY_BYTES = 10 * 1024 * 1024
LAMBDA_TIMEOUT_S = 30.0

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda hands to a handler beside the event, as far as a controller may look at it."""

    aws_request_id: str
    function_name: str = "hearth-api"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "512"
    _deadline: float = field(default_factory=lambda: time.monotonic() + LAMBDA_TIMEOUT_S)

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds until Lambda would stop this call."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Gateway:
    """A WSGI application around a Chalice app, which must be safe for concurrent calls."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._routes = proxy_event.Routes(list(app.routes))

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
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
        """Call the app as Lambda does: event and answer go through JSON, and a crash is the gateway's 502."""
        event = proxy_event.event(request, resource, self._app.api.binary_types)
        try:
            answer = self._app(orjson.loads(orjson.dumps(event)), LambdaContext(request.request_id))
            return proxy_event.render(orjson.loads(orjson.dumps(answer)), request.request_id)
        except Exception:  # noqa: BLE001  (whatever the app raises, Lambda turns into an error and API Gateway into a 502)
            _log.exception("The app failed at %s %s", request.method, resource.path)
            return _refusal(502, "Internal server error", request.request_id)

    def _cors_headers(self, resource: Resource) -> list[tuple[str, str]]:
        """Give what a preflight is answered with; nothing when no method of the resource allows other origins."""
        entries = self._app.routes[resource.path]
        allowing = [entry for entry in entries.values() if entry.cors]
        if not allowing:
            return []
        headers = allowing[0].cors.get_access_control_headers()
        return [*headers.items(), ("Access-Control-Allow-Methods", ",".join([*entries, "OPTIONS"]))]


def _raw_path(environ: Mapping[str, Any]) -> str:
    """Give the path percent-encoded again: WSGI hands it decoded, API Gateway does not."""
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
    """Give more threads than callers may wait at once: each holds its own until it has its answer."""
    running, waiting = environ.get("HEARTH_CONCURRENCY", "64"), environ.get("HEARTH_WAITING", "16")
    return int(running) + int(waiting) + SPARE_THREADS


def application() -> Gateway:
    """Give the gateway around Hearth's own app."""
    from app import app  # noqa: PLC0415  (only here: an importer of this module may have an app of its own)

    die_with_parent()
    gc.freeze()  # what was imported lives as long as we do: no collection need look through it again
    sys.setswitchinterval(PATIENCE_S)
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    return Gateway(app)


if __name__ == "__main__":
    at_port = int(sys.argv[1])
    # Python runs one of our threads at a time anyhow. On one core each hands on to the next without waking another
    # core, which under two hundred callers cost more than all else (see "What was tried" in ARCHITECTURE.md).
    stay_on_one_core(at_port)
    serve("local.gateway:application", at_port, threads(os.environ))
