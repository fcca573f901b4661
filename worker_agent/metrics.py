"""Counts what the agent does and serves it to Prometheus; the only file that imports its client.

No label ever holds a name of a tenant's or of a function's, nor an error type of their making: there may be any number.
What others count anyway is read when it is asked for, so that it costs a run nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from shared_lua.contract import Settlement, Usage
from worker_agent.errors import PlatformError

HOST = "127.0.0.1"
#: Upper bounds, in seconds: from a thaw to the longest run.
BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1, 2.5, 5, 10, 30, 60, 300, 900),
)
PHASES = ("queue", "start", "run", "freeze")
#: Error types of the platform's own making. All others are the function's, and count as one.
KNOWN_ERRORS = frozenset(
    {
        "Function.ResponseSizeTooLarge",
        "Hearth.EngineUnavailable",
        "Hearth.PlatformError",
        "Hearth.QueueTimeout",
        "Runtime.ExitError",
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Runtime.InvalidEntrypoint",
        "Runtime.InvalidZipFile",
        "Runtime.OutOfMemory",
        "Runtime.Unknown",
        "Runtime.UserCodeSyntaxError",
        "Sandbox.Timedout",
    }
)


class PortTakenError(PlatformError):
    """The port for metrics cannot be listened on: set HEARTH_METRICS_PORT to a free one, or not at all."""


@dataclass(frozen=True)
class Sources:
    """Where the figures are that others keep, each asked for when Prometheus asks."""

    stems_ready: Callable[[], Mapping[str, int]]  #: by runtime
    cold_starts: Callable[[], Mapping[tuple[str, bool], int]]  #: by runtime, and whether a Stem was ready
    slots: Callable[[], Mapping[str, int]]  #: by state
    engine_calls: Callable[[], int]
    thread_failures: Callable[[], Mapping[str, int]]  #: by thread


class Metrics:
    """The figures of one agent since it started."""

    def __init__(self, sources: Sources | None = None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus_client.CollectorRegistry()
        self._outcomes = self._counter("outcomes", "Invocations that ended, by how.", ["status", "error_type"])
        self._billed = self._counter("billed_microseconds", "Billed time.")
        self._deferred = self._counter("deferred", "Deliveries put into the queue anew, with all their attempts.")
        self._nacked = self._counter("nacked", "Deliveries returned to the queue after a failure of the platform.")
        self._refused = self._counter("refused_records", "Records that DynamoDB refused and that were put into S3.")
        phases = prometheus_client.Histogram(
            "phase_seconds",
            "How long the phases of an Invocation took.",
            ["phase"],
            namespace="hearth_worker",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._phases = {phase: phases.labels(phase) for phase in PHASES}
        prometheus_client.ProcessCollector(namespace="hearth_worker", registry=self._registry)
        if sources:
            self._registry.register(_Kept(sources))
        self._server: Any = None

    def settled(self, settlement: Settlement) -> None:
        """Count one Invocation that ended, with what it took and cost."""
        outcome = settlement.outcome
        self._outcomes.labels(outcome.status.value, _error_label(outcome.error_type)).inc()
        if settlement.charge:
            self._billed.inc(settlement.charge.billed_us)
        if settlement.usage:
            self._observe(settlement.usage)

    def deferred(self) -> None:
        """Count one Delivery that was put into the lane anew."""
        self._deferred.inc()

    def nacked(self) -> None:
        """Count one Delivery that was returned to the queue."""
        self._nacked.inc()

    def record_refused(self) -> None:
        """Count one record that DynamoDB refused and that is in S3."""
        self._refused.inc()

    def serve(self, port: int) -> None:
        """Serve `/metrics` on this port of loopback until `close`; raise PortTakenError."""
        try:
            self._server, self._thread = prometheus_client.start_http_server(port, HOST, self._registry)
        except OSError as error:
            raise PortTakenError(f"metrics cannot be served on {HOST}:{port}: {error}") from error

    def close(self) -> None:
        """Serve nothing any more; fine when nothing is served."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def text(self) -> str:
        """Give all figures in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry).decode()

    def _counter(self, name: str, what: str, labels: list[str] | None = None) -> Any:
        return prometheus_client.Counter(name, what, labels or (), namespace="hearth_worker", registry=self._registry)

    def _observe(self, usage: Usage) -> None:
        self._phases["queue"].observe(usage.queue_us / 1_000_000)
        if usage.cold:
            self._phases["start"].observe(usage.start_us / 1_000_000)
        self._phases["run"].observe(usage.run_us / 1_000_000)
        self._phases["freeze"].observe(usage.freeze_us / 1_000_000)


class _Kept:
    """The figures that others keep, as Prometheus wants them."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Any]:
        """Read them now."""
        ready = GaugeMetricFamily("hearth_worker_stems_ready", "Stems that wait.", labels=["runtime"])
        missed = CounterMetricFamily("hearth_worker_stems_missed", "Takers who found no Stem.", labels=["runtime"])
        cold = CounterMetricFamily("hearth_worker_cold_starts", "Cold starts, by what they found.", labels=["reason"])
        slots = GaugeMetricFamily("hearth_worker_slots", "Slots of the pool.", labels=["state"])
        for runtime, count in self._sources.stems_ready().items():
            ready.add_metric([runtime], count)
        starts = self._sources.cold_starts()
        for (runtime, was_ready), count in starts.items():
            if not was_ready:
                missed.add_metric([runtime], count)
        for reason, found in (("stem ready", True), ("no stem", False)):
            cold.add_metric([reason], sum(count for (_, was_ready), count in starts.items() if was_ready is found))
        for state, count in self._sources.slots().items():
            slots.add_metric([state], count)
        calls = CounterMetricFamily(
            "hearth_worker_engine_calls", "Calls to the Docker Engine.", self._sources.engine_calls()
        )
        failures = CounterMetricFamily(
            "hearth_worker_thread_failures", "Unforeseen errors in background threads.", labels=["thread"]
        )
        for thread, count in self._sources.thread_failures().items():
            failures.add_metric([thread], count)
        yield from (ready, missed, cold, slots, calls, failures)


def _error_label(error_type: str | None) -> str:
    if error_type is None:
        return ""
    return error_type if error_type in KNOWN_ERRORS else "function"
