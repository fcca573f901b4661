"""X-Ray segments, caught by a listener of the test's own."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from chalicelib.admission.request import InvokeRequest
from chalicelib.tracing import NoTracing, Tracing
from chalicelib.wiring import Controller

from shared_lua.contract import Mode
from tests.integration.api.conftest import Deployed, principal

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

#: In a process of its own: the SDK opens sockets on import that it never closes.
PROGRAM = """
import sys
from chalicelib.xray import XRay
tracing = XRay(sys.argv[1])
with tracing.segment("hearth-api", sys.argv[2]):
    with tracing.subsegment("queue"):
        print(tracing.header())
print(tracing.header())
"""


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


def trace(daemon: socket.socket, header: str) -> list[str]:
    address = "{}:{}".format(*daemon.getsockname())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, address, header],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_a_call_joins_the_callers_trace_and_hands_it_on(daemon: socket.socket) -> None:
    within, after = trace(daemon, HEADER)

    segment = json.loads(daemon.recv(65_536).decode().split("\n", 1)[1])
    [step] = segment["subsegments"]
    assert (segment["name"], step["name"]) == ("hearth-api", "queue")
    assert (segment["trace_id"], segment["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert within == f"Root={segment['trace_id']};Parent={step['id']};Sampled=1"
    assert after == "None"


def test_a_header_that_is_not_x_rays_starts_a_trace_of_its_own(daemon: socket.socket) -> None:
    trace(daemon, "Root=<script>;Parent=no")

    assert json.loads(daemon.recv(65_536).decode().split("\n", 1)[1])["trace_id"].startswith("1-")


class FixedTrace(NoTracing):
    """Always in the same trace."""

    def header(self) -> str:
        return HEADER


@pytest.mark.aws
@pytest.mark.redis
def test_the_trace_goes_with_the_invocation(hearth: Controller, deployed: Deployed) -> None:
    mint = dataclasses.replace(hearth.admission.mint, tracing=FixedTrace())
    admission = dataclasses.replace(hearth.admission, mint=mint)
    traced = dataclasses.replace(hearth.invocations.invoker, admission=admission)

    traced.invoke(principal(hearth, deployed.key), InvokeRequest(function="hello", event=b"{}", mode=Mode.ASYNC))

    assert deployed.worker.take().trace_header == HEADER


def test_without_a_daemon_nothing_is_carried_on() -> None:
    tracing: Tracing = NoTracing()

    with tracing.segment("hearth-api", HEADER), tracing.subsegment("queue"):
        assert tracing.header() is None
