"""What is told to X-Ray, heard by a UDP listener of the test's own."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aws_xray_sdk.core import xray_recorder

from shared_lua.contract import Outcome, PeakScope, Settlement, Status, Usage
from tests.builders import invocation
from worker_agent import tracing

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


@pytest.fixture
def tracer(daemon: socket.socket) -> Iterator[tracing.Tracer]:
    host, port = daemon.getsockname()
    made = tracing.build({tracing.DAEMON: f"{host}:{port}"})
    assert isinstance(made, tracing.XRayTracer)
    yield made
    for ledger_writer in (
        made._recorder,
        xray_recorder,
    ):  # the SDK opens a socket for its own at import, and closes none
        ledger_writer.emitter._socket.close()


def settled(status: Status = Status.SUCCEEDED) -> Settlement:
    usage = Usage(
        queue_us=2_000_000,
        start_us=300_000,
        run_us=500_000,
        cpu_us=1,
        peak_memory_bytes=1,
        peak_scope=PeakScope.INVOCATION,
        cold=True,
    )
    outcome = Outcome(status=status, payload="{}", error_type=None if status is Status.SUCCEEDED else "E")
    return Settlement(invocation_id="i-1", outcome=outcome, attempt=1, settled_at_us=0, usage=usage)


def heard(daemon: socket.socket) -> dict[str, Any]:
    head, _, body = daemon.recv(65536).partition(b"\n")
    assert json.loads(head) == {"format": "json", "version": 1}
    segment: dict[str, Any] = json.loads(body)
    return segment


def test_a_run_is_one_segment_of_its_callers_trace_with_a_phase_each(
    tracer: tracing.Tracer, daemon: socket.socket
) -> None:
    asked = invocation(trace_header=HEADER)

    tracer.record(asked, settled())

    segment = heard(daemon)
    phases = {s["name"]: round(s["end_time"] - s["start_time"], 3) for s in segment["subsegments"]}
    assert (segment["trace_id"], segment["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert phases == {"queue": 2.0, "start": 0.3, "run": 0.5}
    assert segment["start_time"] == pytest.approx(asked.admitted_at_us / 1e6)
    assert segment["end_time"] == pytest.approx(asked.admitted_at_us / 1e6 + 2.8)
    assert segment["annotations"]["invocation_id"] == "i-1"
    assert "fault" not in segment


def test_a_failed_run_is_marked(tracer: tracing.Tracer, daemon: socket.socket) -> None:
    tracer.record(invocation(trace_header=HEADER), settled(Status.FAILED))

    assert heard(daemon)["fault"] is True


@pytest.mark.parametrize("header", [None, "rubbish", HEADER.replace("Sampled=1", "Sampled=0")])
def test_what_is_not_sampled_is_not_told(tracer: tracing.Tracer, daemon: socket.socket, header: str | None) -> None:
    tracer.record(invocation(trace_header=header), settled())
    tracer.record(invocation(invocation_id="i-2", trace_header=HEADER), settled())

    assert heard(daemon)["annotations"]["invocation_id"] == "i-2"


def test_without_a_daemons_address_nothing_is_told() -> None:
    assert isinstance(tracing.build({}), tracing.NoTracer)
