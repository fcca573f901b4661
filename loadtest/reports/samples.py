"""Reads the CSV file that k6 writes. It computes nothing."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """What was measured. The values are k6's names for the metrics."""

    LATENCY = "http_req_duration"  #: from the first byte sent to the last byte received
    OVERHEAD = "overhead"  #: latency minus the time that the handler took by its own clock
    TO_RECORD = "to_record"  #: of an asynchronous call: from its acceptance to its terminal record
    DROPPED = "dropped_iterations"  #: how many calls were due while no client was free to send them


@dataclass(frozen=True)
class Sample:
    """One measurement of one call."""

    metric: Metric
    at_us: int  #: when the call ended, Unix time
    callers: str
    ms: float
    status: int = 0  #: 0 when there was no answer
    invocation_id: str = ""
    whole_ms: float = 0.0  #: with an overhead: the latency that it is a part of

    @property
    def answered(self) -> bool:
        """Whether this is the latency of an answer: a result (2xx) or a refusal (429), not an error."""
        return self.metric is Metric.LATENCY and (200 <= self.status < 300 or self.status == 429)


_METRICS = {str(metric): metric for metric in Metric}


def read(lines: Iterable[str]) -> Iterator[Sample]:
    """Yields the samples of a k6 CSV whose times are in microseconds.

    Requests with the tag `look` only poll for an asynchronous call's record. They are left out.
    """
    for row in csv.DictReader(lines):
        metric = _METRICS.get(row["metric_name"])
        if metric and "look=" not in row["extra_tags"]:
            yield _sample(metric, row)


def _sample(metric: Metric, row: dict[str, str]) -> Sample:
    extra = _pairs(row["extra_tags"]) | _pairs(row["metadata"])
    return Sample(
        metric=metric,
        at_us=int(row["timestamp"]),
        callers=row["scenario"],
        ms=float(row["metric_value"]),
        status=int(row["status"] or 0),
        invocation_id=extra.get("id", ""),
        whole_ms=float(extra.get("whole_ms", 0)),
    )


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split("&") if "=" in pair)
