"""Reads the CSV that k6 writes into samples; it computes nothing."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """What was measured of a call; the values are k6's names."""

    LATENCY = "http_req_duration"  #: from the first byte sent to the last received
    OVERHEAD = "overhead"  #: the same without the time that the handler took by its own clock
    TO_RECORD = "to_record"  #: of an asynchronous call: until its record was terminal
    DROPPED = "dropped_iterations"  #: calls that were due and that no caller was free for


@dataclass(frozen=True)
class Sample:
    """One figure of one call."""

    metric: Metric
    at_us: int  #: when it was taken: the call's end
    callers: str
    ms: float
    status: int = 0  #: 0 when there was no answer
    invocation_id: str = ""
    whole_ms: float = 0.0  #: beside an overhead, the latency it is a part of


_METRICS = {str(metric): metric for metric in Metric}


def read(lines: Iterable[str]) -> Iterator[Sample]:
    """Give the samples of a k6 CSV with times in microseconds; looks at a record's progress are no calls."""
    for row in csv.DictReader(lines):
        metric = _METRICS.get(row["metric_name"])
        if metric and "look=" not in row["extra_tags"]:
            yield _sample(metric, row)


def _sample(metric: Metric, row: dict[str, str]) -> Sample:
    known = _words(row["extra_tags"]) | _words(row["metadata"])
    return Sample(
        metric=metric,
        at_us=int(row["timestamp"]),
        callers=row["scenario"],
        ms=float(row["metric_value"]),
        status=int(row["status"] or 0),
        invocation_id=known.get("id", ""),
        whole_ms=float(known.get("whole_ms", 0)),
    )


def _words(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split("&") if "=" in word)
