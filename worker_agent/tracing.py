"""Tells X-Ray what a run took, after the fact, when a daemon's address is set; the only file that imports its SDK."""

from collections.abc import Mapping
from typing import Protocol

from shared_lua.contract import Invocation, Settlement, Status, Usage

DAEMON = "AWS_XRAY_DAEMON_ADDRESS"


class Tracer(Protocol):
    """Where finished runs are told of."""

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Tell of one run that has just ended."""


class NoTracer:
    """Tells nobody."""

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Do nothing."""


class XRayTracer:
    """Sends one segment per run, with a subsegment for each phase, to a daemon by UDP."""

    def __init__(self, daemon_address: str) -> None:
        # Imported only where it is used: the import alone opens a socket and costs some 50 ms.
        from aws_xray_sdk.core import AWSXRayRecorder  # noqa: PLC0415
        from aws_xray_sdk.core.models.trace_header import TraceHeader  # noqa: PLC0415

        self._parse = TraceHeader.from_header_str
        self._ledger_writer = AWSXRayRecorder()
        self._ledger_writer.configure(
            service="hearth-worker",
            daemon_address=daemon_address,
            context_missing="IGNORE_ERROR",
            sampling=False,
            plugins=(),
        )

    def record(self, invocation: Invocation, settlement: Settlement) -> None:
        """Send the segment of one run, as part of the trace its Invocation carries, if that is sampled."""
        header = self._parse(invocation.trace_header)
        if not header.root or header.sampled == 0 or settlement.usage is None:
            return
        segment = self._ledger_writer.begin_segment("hearth-worker", header.root, header.parent, sampling=1)
        segment.start_time = invocation.admitted_at_us / 1e6
        segment.put_annotation("invocation_id", invocation.invocation_id)
        segment.put_annotation("function", invocation.version.function)
        segment.put_annotation("tenant", invocation.version.tenant)
        segment.put_annotation("cold", settlement.usage.cold)
        if settlement.outcome.status is not Status.SUCCEEDED:
            segment.add_fault_flag()
        ended = self._phases(invocation.admitted_at_us, settlement.usage)
        self._ledger_writer.end_segment(ended)

    def _phases(self, began_us: int, usage: Usage) -> float:
        """Add a subsegment for each phase, one after the other; give when the last one ended, in seconds."""
        at_us = began_us
        for name, length_us in (("queue", usage.queue_us), ("start", usage.start_us), ("run", usage.run_us)):
            subsegment = self._ledger_writer.begin_subsegment(name)
            subsegment.start_time = at_us / 1e6
            at_us += length_us
            self._ledger_writer.end_subsegment(at_us / 1e6)
        return at_us / 1e6


def build(environ: Mapping[str, str]) -> Tracer:
    """Give the tracer that the environment asks for."""
    address = environ.get(DAEMON)
    return XRayTracer(address) if address else NoTracer()
