"""Sends a segment for each run to X-Ray after it has ended, if a daemon's address is set."""

from collections.abc import Mapping
from typing import Protocol

from shared_lua.contract import Invocation, Settlement, Status, Usage

DAEMON = "AWS_XRAY_DAEMON_ADDRESS"


class Tracer(Protocol):
    """Where finished runs are traced."""

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Trace one run that has just ended."""


class NoTracer:
    """Traces nothing."""

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Do nothing."""


class XRayTracer:
    """Sends one segment per run, with a subsegment per phase, to a daemon by UDP."""

    def __init__(self, daemon_address: str) -> None:
        # Imported only if it is used: the import opens a socket and costs some 50 ms.
        from aws_xray_sdk.core import AWSXRayRecorder  # noqa: PLC0415
        from aws_xray_sdk.core.models.trace_header import TraceHeader  # noqa: PLC0415

        self._parse = TraceHeader.from_header_str
        self._recorder = AWSXRayRecorder()
        self._recorder.configure(
            service="hearth-worker",
            daemon_address=daemon_address,
            context_missing="IGNORE_ERROR",
            sampling=False,
            plugins=(),
        )

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Send the segment of one run as part of its Invocation's trace, if that is sampled."""
        header = self._parse(invocation.trace_header)
        if not header.root or header.sampled == 0 or settlement.usage is None:
            return
        segment = self._recorder.begin_segment("hearth-worker", header.root, header.parent, sampling=1)
        segment.start_time = invocation.admitted_at_us / 1e6
        segment.put_annotation("invocation_id", invocation.invocation_id)
        segment.put_annotation("function", invocation.version.function)
        segment.put_annotation("tenant", invocation.version.tenant)
        segment.put_annotation("cold", settlement.usage.cold)
        if settlement.outcome.status is not Status.SUCCEEDED:
            segment.add_fault_flag()
        ended = self._phases(invocation.admitted_at_us, settlement.usage)
        self._recorder.end_segment(ended)

    def _phases(self, began_us: int, usage: Usage) -> float:
        """Add a subsegment per phase, one after the other; return when the last one ended, in seconds."""
        at_us = began_us
        for name, length_us in (("queue", usage.queue_us), ("start", usage.start_us), ("run", usage.run_us)):
            subsegment = self._recorder.begin_subsegment(name)
            subsegment.start_time = at_us / 1e6
            at_us += length_us
            self._recorder.end_subsegment(at_us / 1e6)
        return at_us / 1e6


def build(environ: Mapping[str, str]) -> Tracer:
    """Build the tracer that the environment asks for."""
    address = environ.get(DAEMON)
    return XRayTracer(address) if address else NoTracer()
