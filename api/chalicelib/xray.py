"""Traces calls with AWS X-Ray; imported only where a daemon is named, since its SDK opens a socket on import."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from aws_xray_sdk.core.lambda_launcher import LambdaContext
from aws_xray_sdk.core.models.trace_header import TraceHeader
from aws_xray_sdk.core.recorder import AWSXRayRecorder

#: Headers come from callers: one that does not have the form that X-Ray gives it starts a new trace instead.
TRACE_HEADER = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;Parent=[0-9a-f]{16})?(;Sampled=[01?])?(;.*)?")


class XRay:
    """Segments and subsegments, sent by UDP to the daemon at `address` (host:port), whether it is there or not."""

    def __init__(self, address: str) -> None:
        self._recorder = AWSXRayRecorder()
        self._recorder.configure(sampling=False, context_missing="IGNORE_ERROR", daemon_address=address)

    @contextmanager
    def segment(self, name: str, header: str | None) -> Iterator[None]:
        """Trace one call, as part of the trace that its header names.

        In Lambda the service has made the segment already and the SDK can only add to it.
        """
        if isinstance(self._recorder.context, LambdaContext):
            traced = self._recorder.in_subsegment(name)
        else:
            known = TraceHeader.from_header_str(header if header and TRACE_HEADER.fullmatch(header) else None)
            traced = self._recorder.in_segment(
                name, traceid=known.root, parent_id=known.parent, sampling=0 if known.sampled == 0 else None
            )
        with traced:
            yield

    @contextmanager
    def subsegment(self, name: str) -> Iterator[None]:
        """Trace one step of a call."""
        with self._recorder.in_subsegment(name):
            yield

    def header(self) -> str | None:
        """Give the header that makes what follows part of this trace; None outside of one."""
        entity = self._recorder.get_trace_entity()
        if not entity:
            return None
        text: str = TraceHeader(root=entity.trace_id, parent=entity.id, sampled=entity.sampled).to_header_str()
        return text
