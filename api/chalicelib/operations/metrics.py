"""Counts what this process of the controller answers, for Prometheus; the only file that imports its client.

On Lambda a process sees only what it was given itself, and ends when Lambda likes: there CloudWatch adds things up.
No label ever holds a name of a tenant's or of a function's: there may be any number. Counting is a few plain numbers
under one lock; Prometheus's client is imported when it is asked for its text, as it is a tenth of the app's import.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

#: What Prometheus calls its text format.
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
#: Upper bounds, in seconds: from a refusal to a caller who waited as long as one may.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass
class _Times:
    """How long the answers of one API took: how many by bucket, the last for those above all bounds, and the sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class Metrics:
    """The figures of one process since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[tuple[str]] = Counter()
        self._under_way: Counter[tuple[str]] = Counter()
        self._times: dict[str, _Times] = {}

    def asked(self, api: str) -> None:
        """Count one call of an API (rest, lambda or url), under way until it is `answered`."""
        with self._lock:
            self._under_way[(api,)] += 1

    def answered(self, api: str, status: int, seconds: float) -> None:
        """Count one answer of an API."""
        with self._lock:
            self._under_way[(api,)] -= 1
            self._answers[api, str(status)] += 1
            self._times.setdefault(api, _Times()).add(seconds)

    def refused(self, reason: str) -> None:
        """Count one call that the admission refused."""
        with self._lock:
            self._refusals[(reason,)] += 1

    def text(self) -> str:
        """Give all figures in Prometheus's text format."""
        import prometheus_client  # noqa: PLC0415  30 ms that a process which nobody asks should not spend

        registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(namespace="hearth_api", registry=registry)
        registry.register(self)
        return prometheus_client.generate_latest(registry).decode()

    def collect(self) -> Iterator[Any]:
        """Give the figures as Prometheus's client wants them."""
        from prometheus_client import core  # noqa: PLC0415

        def family(kind: Any, name: str, says: str, labels: list[str], values: Counter[Any]) -> Any:
            filled = kind(f"hearth_api_{name}", says, labels=labels)
            for label_values, value in values.items():
                filled.add_metric(list(label_values), value)
            return filled

        with self._lock:
            counter, gauge = core.CounterMetricFamily, core.GaugeMetricFamily
            yield family(counter, "answers", "Answers, by API and status.", ["api", "status"], self._answers)
            refusals = "Calls that the admission refused, by Lambda's reason."
            yield family(counter, "refusals", refusals, ["reason"], self._refusals)
            yield family(gauge, "under_way", "Calls that are not answered yet, by API.", ["api"], self._under_way)
            yield self._seconds(core)

    def _seconds(self, core: Any) -> Any:
        says = "How long an answer took, from the gateway's event to it."
        filled = core.HistogramMetricFamily("hearth_api_answer_seconds", says, labels=["api"])
        bounds = [*(str(float(bound)) for bound in BUCKETS_S), "+Inf"]
        for api, times in self._times.items():
            reached = list(zip(bounds, accumulate(times.counts), strict=True))
            filled.add_metric([api], reached, times.sum_s)
        return filled
