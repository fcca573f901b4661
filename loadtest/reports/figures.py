"""Turns k6's samples and the records of Invocations into figures. Pure functions; their results can be JSON."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from loadtest.reports.percentiles import percentile
from loadtest.reports.samples import Metric, Sample

PERCENTS = (50, 90, 95, 99)
#: Where a call's time goes. `rest` is what the record does not cover: admission, the answer's way back, the network.
PHASES = ("queue", "start", "run", "rest")
BINS = 40

Key = TypeVar("Key")


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Returns count, percentiles and maximum; None when there are no values."""
    if not values:
        return None
    percentiles = {f"p{percent}": round(percentile(values, percent), 3) for percent in PERCENTS}
    return {"count": len(values), **percentiles, "max": round(max(values), 3)}


def of_callers(samples: Iterable[Sample]) -> dict[str, dict[str, Any]]:
    """Returns the figures of each group of callers: calls, rate, statuses and lengths in ms."""
    groups = _grouped(samples, lambda sample: sample.callers)
    return {name: _of_group(group) for name, group in sorted(groups.items())}


def _of_group(samples: Sequence[Sample]) -> dict[str, Any]:
    calls = _calls(samples)
    lasted_s = length_s(calls)
    return {
        "calls": len(calls),
        "per_s": round(len(calls) / lasted_s, 2) if lasted_s else None,
        "statuses": _statuses(calls),
        "latency_ms": _latencies(calls),
        "overhead_ms": spread(_values(samples, Metric.OVERHEAD)),
        "to_record_ms": spread(_values(samples, Metric.TO_RECORD)),
        "dropped": round(sum(_values(samples, Metric.DROPPED))),
    }


def _latencies(calls: Iterable[Sample]) -> dict[str, Any]:
    """Returns the latencies of answers by status. How long an error took is not a latency: it is left out."""
    by_status = _grouped((call for call in calls if call.answered), lambda call: str(call.status))
    return {status: spread([call.ms for call in group]) for status, group in sorted(by_status.items())}


def _statuses(calls: Iterable[Sample]) -> dict[str, int]:
    return dict(sorted(Counter(str(call.status) for call in calls).items()))


def _calls(samples: Iterable[Sample]) -> list[Sample]:
    """Returns one sample for each call."""
    return [sample for sample in samples if sample.metric is Metric.LATENCY]


def _values(samples: Iterable[Sample], metric: Metric) -> list[float]:
    return [sample.ms for sample in samples if sample.metric is metric]


def _grouped(samples: Iterable[Sample], key: Callable[[Sample], Key]) -> dict[Key, list[Sample]]:
    groups: dict[Key, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[key(sample)].append(sample)
    return groups


def length_s(calls: Sequence[Sample]) -> float:
    """Returns the seconds from the start of the first call to the end of the last."""
    if not calls:
        return 0.0
    return max(call.at_us for call in calls) / 1e6 - min(call.at_us / 1e6 - call.ms / 1e3 for call in calls)


def over_time(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Returns latency percentiles and statuses for each second since the first call ended, empty seconds included."""
    calls = _calls(samples)
    if not calls:
        return []
    seconds = _grouped(calls, _second_since(calls))
    return [_second(number, seconds.get(number, [])) for number in range(max(seconds) + 1)]


def _second(number: int, calls: Sequence[Sample]) -> dict[str, Any]:
    answered = spread([call.ms for call in calls if call.answered]) or {}
    return {"second": number, **{p: answered.get(p) for p in ("p50", "p95", "p99")}, "statuses": _statuses(calls)}


def p95_over_time(samples: Iterable[Sample]) -> dict[str, list[float | None]]:
    """Returns the p95 of each group of callers for the same seconds as `over_time`; None where it had no answer."""
    calls = _calls(samples)
    second = _second_since(calls)
    seconds = range(max(map(second, calls), default=-1) + 1)
    lengths = _grouped((call for call in calls if call.answered), lambda call: (call.callers, second(call)))
    return {
        name: [_p95(lengths.get((name, number), [])) for number in seconds]
        for name in sorted({call.callers for call in calls})
    }


def _second_since(calls: Sequence[Sample]) -> Callable[[Sample], int]:
    """Returns the function that tells in which second since the first call's end a call ended."""
    began_us = min((call.at_us for call in calls), default=0)
    return lambda call: (call.at_us - began_us) // 1_000_000


def _p95(calls: Sequence[Sample]) -> float | None:
    return round(percentile([call.ms for call in calls], 95), 3) if calls else None


def histogram(samples: Iterable[Sample], bins: int = BINS) -> list[dict[str, float]]:
    """Counts latencies in bins of equal ratio between the smallest and the largest."""
    values = [sample.ms for sample in samples if sample.answered]
    if not values:
        return []
    least, most = max(min(values), 0.01), max(values)
    if most <= least:
        return [{"from_ms": round(least, 3), "to_ms": round(most, 3), "count": len(values)}]
    return _binned(values, [least * (most / least) ** (number / bins) for number in range(bins + 1)])


def _binned(values: Iterable[float], edges: Sequence[float]) -> list[dict[str, float]]:
    bins, ratio = len(edges) - 1, math.log(edges[-1] / edges[0])
    counts = Counter(min(bins - 1, int(math.log(max(value, edges[0]) / edges[0]) / ratio * bins)) for value in values)
    return [
        {"from_ms": round(edges[n], 3), "to_ms": round(edges[n + 1], 3), "count": counts.get(n, 0)} for n in range(bins)
    ]


def chosen(samples: Iterable[Sample], most: int) -> list[Sample]:
    """Picks up to `most` samples that name an Invocation, spread evenly over the load."""
    named = [sample for sample in samples if sample.invocation_id and sample.metric is Metric.OVERHEAD]
    if len(named) <= most:
        return named
    return [named[number * len(named) // most] for number in range(most)]


def phases(sample: Sample, record: Mapping[str, Any]) -> dict[str, Any]:
    """Splits one call's latency into PHASES, in ms, by its Invocation's record."""
    recorded = {phase: float(record["phases"][f"{phase}_ms"]) for phase in PHASES[:-1]}
    rest = max(0.0, sample.whole_ms - sum(recorded.values()))
    return {"callers": sample.callers, "cold": record["usage"]["cold"], **recorded, "rest": rest}


def median_phases(calls: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Returns each phase's median for warm and for cold calls, as far as there are any."""
    kinds = {"warm": [call for call in calls if not call["cold"]], "cold": [call for call in calls if call["cold"]]}
    return {
        kind: {phase: round(statistics.median(call[phase] for call in group), 3) for phase in PHASES}
        for kind, group in kinds.items()
        if group
    }
