"""The gateway over a real socket, with an app of the test's own behind it."""

import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.ports import free_port
from local.process import python
from local.state import ROOT
from local.supervisor import Child, Program

OCTETS = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    def __init__(self, port: int) -> None:
        self._port = port

    def answers(self) -> bool:
        try:
            return self("GET", "/").status > 0
        except OSError:
            return False

    def __call__(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    port, log = free_port(), Path(tmp_path_factory.mktemp("gateway")) / "log"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}"}
    child = Child(Program("tiny app", python("tests.integration.local.tiny_app", str(port)), environ, log))
    caller = Caller(port)
    child.wait_until(caller.answers, 20)
    yield caller
    child.stop()


def test_body_and_query_reach_the_app(call: Caller) -> None:
    got = call("POST", "/echo?a=1&a=2", b"hello", {"Content-Type": "text/plain"})

    assert got.status == 200
    assert got.json()["body"] == "hello"
    assert got.json()["query"] == {"a": "2"}


def test_a_trailing_slash_does_not_count(call: Caller) -> None:
    assert call("GET", "/echo/").status == 200


def test_an_answer_names_its_request(call: Caller) -> None:
    got = call("GET", "/echo")

    assert got.headers["x-amzn-requestid"] == got.json()["context"]["requestId"]
    assert got.headers["content-type"] == "application/json"


def test_binary_bodies_go_both_ways_byte_for_byte(call: Caller) -> None:
    every_byte = bytes(range(256)) * 64

    got = call("POST", "/bytes", every_byte, OCTETS)

    assert (got.status, got.body) == (200, every_byte)


def test_path_parameters_arrive_percent_encoded(call: Caller) -> None:
    assert call("GET", "/items/arn%3Aaws%3A%C3%A9").json() == {"name": "arn%3Aaws%3A%C3%A9"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/echo"), ("OPTIONS", "/echo")])
def test_what_is_no_route_is_refused_as_api_gateway_does(call: Caller, method: str, path: str) -> None:
    got = call(method, path)

    assert (got.status, got.json()) == (403, {"message": "Missing Authentication Token"})


def test_head_gets_no_body(call: Caller) -> None:
    got = call("HEAD", "/echo")

    assert (got.status, got.body) == (403, b"")


def test_a_preflight_is_answered_where_other_origins_are_allowed(call: Caller) -> None:
    got = call("OPTIONS", "/shared")

    assert got.status == 200
    assert got.headers["access-control-allow-origin"] == "*"
    assert "GET" in got.headers["access-control-allow-methods"]


def test_a_body_of_ten_megabytes_passes_and_one_byte_more_does_not(call: Caller) -> None:
    ten = bytes(10 * 1024 * 1024)

    assert call("POST", "/bytes", ten, OCTETS).body == ten
    assert call("POST", "/bytes", ten + b"\0", OCTETS).status == 413


def test_the_callers_address_is_the_peers_whatever_headers_say(call: Caller) -> None:
    spoofed = {"X-Forwarded-For": "203.0.113.9", "X-Real-Ip": "203.0.113.9", "Forwarded": "for=203.0.113.9"}

    got = call("GET", "/echo", headers=spoofed)

    assert got.json()["context"]["identity"]["sourceIp"] == "127.0.0.1"


def test_each_of_many_concurrent_callers_sees_its_own_body(call: Caller) -> None:
    def ask(number: int) -> bool:
        body = f"caller {number}".encode()
        return call("POST", "/slow-echo", body, {"Content-Type": "text/plain"}).body == body

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(200)))
