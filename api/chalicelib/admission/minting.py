"""Makes Invocations of requests."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.admission.request import InvokeRequest
from chalicelib.config import Settings
from chalicelib.functions.event_invoke import DEFAULT_RETRIES, EventInvoke
from chalicelib.tracing import Tracing
from shared_lua.contract import Invocation, Permits, Version

#: A larger event goes through S3 instead of its message. Measured as JSON, where quotes are escaped.
MAX_QUEUED_BYTES = 128 * 1024
#: The most bytes that JSON makes of one character, `\u0000`. An event that fits even so need not be encoded to be
#: measured.
WORST_BYTES = 6


@dataclass(frozen=True, kw_only=True)
class Task:
    """A request whose event was checked, under the id of the Invocation that it becomes."""

    invocation_id: str
    request: InvokeRequest
    event: str  #: the request's, as JSON text


@dataclass(frozen=True, kw_only=True)
class Mint:
    """Makes Invocations. `now_us` gives microseconds since the Unix epoch."""

    settings: Settings
    tracing: Tracing
    now_us: Callable[[], int]

    def sync(self, task: Task, version: Version, arn: str) -> Invocation:
        """Make an Invocation that somebody waits for: it is tried once, and holds its permit from the admission on."""
        return self._mint(task, version, arn, EventInvoke(retries=0, max_age_s=self.settings.sync_queue_s), None)

    def queued(self, task: Task, version: Version, arn: str, event_invoke: EventInvoke, permits: Permits) -> Invocation:
        """Make an asynchronous Invocation, which takes one of the permits when it runs."""
        return self._mint(task, version, arn, event_invoke, permits)

    def _mint(
        self, task: Task, version: Version, arn: str, event_invoke: EventInvoke, permits: Permits | None
    ) -> Invocation:
        now_us, request = self.now_us(), task.request
        queue_s = event_invoke.max_age_s or self.settings.async_queue_s
        return Invocation(
            invocation_id=task.invocation_id,
            version=version,
            mode=request.mode,
            admitted_at_us=now_us,
            deadline_us=now_us + (queue_s + version.timeout_s) * 1_000_000,
            payload=task.event if _fits(task.event) else None,
            trace_header=self.tracing.header(),
            client_context=request.client_context,
            function_arn=arn,
            permits=permits,
            retries=DEFAULT_RETRIES if event_invoke.retries is None else event_invoke.retries,
            on_success=event_invoke.on_success,
            on_failure=event_invoke.on_failure,
            chain=request.chain,
        )


def _fits(event: str) -> bool:
    """Tell whether an event travels in its message."""
    if len(event) * WORST_BYTES + 2 <= MAX_QUEUED_BYTES:
        return True
    return len(event) <= MAX_QUEUED_BYTES and len(json.dumps(event, ensure_ascii=False).encode()) <= MAX_QUEUED_BYTES
