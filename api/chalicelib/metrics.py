"""Counts what this process of the controller answers, for Prometheus; the only file that imports its client.

On Lambda a process sees only what it was given itself, and ends when Lambda likes: there CloudWatch adds things up.
No label ever holds a name of a tenant's or of a function's: there may be any number.
"""

from typing import Any

import prometheus_client

#: What Prometheus calls its text format.
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
#: Upper bounds, in seconds: from a refusal to a caller who waited as long as one may.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The figures of one process since it started."""

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus_client.CollectorRegistry()
        self._answers = self._counter("answers", "Answers, by door and status.", ["door", "status"])
        self._refusals = self._counter("refusals", "Calls that the admission refused, by Lambda's reason.", ["reason"])
        self._seconds = prometheus_client.Histogram(
            "answer_seconds",
            "How long an answer took, from the gateway's event to it.",
            ["door"],
            namespace="hearth_api",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        prometheus_client.ProcessCollector(namespace="hearth_api", registry=self._registry)

    def answered(self, door: str, status: int, seconds: float) -> None:
        """Count one answer of a door."""
        self._answers.labels(door, str(status)).inc()
        self._seconds.labels(door).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count one call that the admission refused."""
        self._refusals.labels(reason).inc()

    def text(self) -> str:
        """Give all figures in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry).decode()

    def _counter(self, name: str, what: str, labels: list[str]) -> Any:
        return prometheus_client.Counter(name, what, labels, namespace="hearth_api", registry=self._registry)
