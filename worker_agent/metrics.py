"""The agent's metrics, served to Prometheus.

No label holds the name of a tenant or of a function, or an error type that a function made up: there may be any number.
Figures that another part keeps anyway are read when Prometheus asks, so that they cost a run nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from shared_lua.contract import Settlement, Usage
from worker_agent.errors import PlatformError

HOST = "127.0.0.1"
#: Upper bounds of the buckets, in seconds: from a thaw to the longest run.
BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1, 2.5, 5, 10, 30, 60, 300, 900),
)
PHASES = ("queue", "start", "run", "freeze")
#: Error types that the platform makes. All others are the functions' own, and have one label together.
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
    """The port for metrics is taken: HEARTH_METRICS_PORT must name a free one, or be unset."""


@dataclass(frozen=True)
class Sources:
    """Figures that other parts keep, read when Prometheus asks."""

    stems_ready: Callable[[], Mapping[str, int]]  #: by runtime
    cold_starts: Callable[[], Mapping[tuple[str, bool], int]]  #: by runtime, and whether a Stem was ready
    slots: Callable[[], Mapping[str, int]]  #: by state
    engine_calls: Callable[[], int]
    thread_failures: Callable[[], Mapping[str, int]]  #: by thread


class Metrics:
    """The metrics of one agent since it started."""

    def __init__(self, sources: Sources | None = None) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus_client.CollectorRegistry()
        self._outcomes = self._counter("outcomes", "Invocations that ended, by status.", ["status", "error_type"])
        self._billed = self._counter("billed_microseconds", "Billed time.")
        self._deferred = self._counter("deferred", "Deliveries put into the queue anew, with all their attempts.")
        self._nacked = self._counter("nacked", "Deliveries returned to the queue after a failure of the platform.")
        self._refused = self._counter("refused_records", "Records that DynamoDB refused and that were put into S3.")
        phases = prometheus_client.Histogram(
            "phase_seconds",
            "Length of the phases of an Invocation.",
            ["phase"],
            namespace="hearth_worker",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._phases = {phase: phases.labels(phase) for phase in PHASES}
        prometheus_client.ProcessCollector(namespace="hearth_worker", registry=self._registry)
        if sources:
            self._registry.register(_FromSources(sources))
        self._server: Any = None

    def settled(self, settlement: Settlement) -> None:
        """Count the end of an Invocation, with its phases and its billed time."""
        outcome = settlement.outcome
        self._outcomes.labels(outcome.status.value, _error_label(outcome.error_type)).inc()
        if settlement.charge:
            self._billed.inc(settlement.charge.billed_us)
        if settlement.usage:
            self._observe(settlement.usage)

    def deferred(self) -> None:
        """Count one Delivery that was put into the queue anew."""
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
        """Stop serving; does nothing when nothing is served."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def text(self) -> str:
        """Return all figures in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry).decode()

    def _counter(self, name: str, what: str, labels: list[str] | None = None) -> Any:
        return prometheus_client.Counter(name, what, labels or (), namespace="hearth_worker", registry=self._registry)

    def _observe(self, usage: Usage) -> None:
        self._phases["queue"].observe(usage.queue_us / 1_000_000)
        if usage.cold:
            self._phases["start"].observe(usage.start_us / 1_000_000)
        self._phases["run"].observe(usage.run_us / 1_000_000)
        self._phases["freeze"].observe(usage.freeze_us / 1_000_000)


class _FromSources:
    """The figures of the sources, as Prometheus wants them."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Any]:
        """Read them now."""
        read, starts = self._sources, self._sources.cold_starts()
        missed = {runtime: count for (runtime, was_ready), count in starts.items() if not was_ready}
        reasons = {"stem ready": sum(starts.values()) - sum(missed.values()), "no stem": sum(missed.values())}
        yield _family(GaugeMetricFamily, "stems_ready", "Stems that are ready.", "runtime", read.stems_ready())
        yield _family(CounterMetricFamily, "stems_missed", "Cold starts without a ready Stem.", "runtime", missed)
        yield _family(
            CounterMetricFamily, "cold_starts", "Cold starts, by whether a Stem was ready.", "reason", reasons
        )
        yield _family(GaugeMetricFamily, "slots", "Slots of the pool.", "state", read.slots())
        yield CounterMetricFamily("hearth_worker_engine_calls", "Calls to the Docker Engine.", read.engine_calls())
        failures = read.thread_failures()
        yield _family(CounterMetricFamily, "thread_failures", "Unforeseen errors in threads.", "thread", failures)


def _family(kind: Any, name: str, what: str, label: str, figures: Mapping[str, int]) -> Any:
    """Build a metric of Prometheus from figures by the value of its one label."""
    family = kind(f"hearth_worker_{name}", what, labels=[label])
    for value, figure in figures.items():
        family.add_metric([value], figure)
    return family


def _error_label(error_type: str | None) -> str:
    if error_type is None:
        return ""
    return error_type if error_type in KNOWN_ERRORS else "function"
