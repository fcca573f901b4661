"""Turns samples, records and readings into figures: pure functions, plain values that JSON can hold."""

import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadtest.reports.samples import Metric, Sample
from loadtest.watch import STAND_IN, Reading

PERCENTS = (50, 90, 95, 99)
PHASES = ("queue", "start", "run", "rest")
BINS = 40
#: How much more than at its beginning a soak may hold at its end, and what is too little to speak of.
GROWTH = 0.1


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the least value that `percent` of the values do not exceed; raise ValueError when there is none."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Give count, percentiles and maximum; None when there are no values."""
    if not values:
        return None
    ordered = sorted(values)
    return {
        "count": len(ordered),
        **{f"p{percent}": round(percentile(ordered, percent), 3) for percent in PERCENTS},
        "max": round(ordered[-1], 3),
    }


def of_callers(samples: Sequence[Sample]) -> dict[str, dict[str, Any]]:
    """Give for each group of callers how many calls, how fast, with what statuses, and what they took."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.callers].append(sample)
    return {name: _of_one(group) for name, group in sorted(groups.items())}


def _of_one(samples: Sequence[Sample]) -> dict[str, Any]:
    calls = [sample for sample in samples if sample.metric is Metric.LATENCY]
    by_status: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        by_status[str(call.status)].append(call.ms)
    lasted_s = length_s(calls)
    return {
        "calls": len(calls),
        "per_s": round(len(calls) / lasted_s, 2) if lasted_s else None,
        "statuses": {status: len(values) for status, values in sorted(by_status.items())},
        "latency_ms": {status: spread(values) for status, values in sorted(by_status.items())},
        "overhead_ms": spread([sample.ms for sample in samples if sample.metric is Metric.OVERHEAD]),
        "to_record_ms": spread([sample.ms for sample in samples if sample.metric is Metric.TO_RECORD]),
        "dropped": round(sum(sample.ms for sample in samples if sample.metric is Metric.DROPPED)),
    }


def length_s(calls: Sequence[Sample]) -> float:
    """Give how long calls lasted together: from the first one's start to the last one's end."""
    if not calls:
        return 0.0
    return max(call.at_us for call in calls) / 1e6 - min(call.at_us / 1e6 - call.ms / 1e3 for call in calls)


def over_time(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Give percentiles of latency and statuses for each second since the first call ended, empty ones too."""
    calls = [sample for sample in samples if sample.metric is Metric.LATENCY]
    if not calls:
        return []
    began_us = min(call.at_us for call in calls)
    seconds: dict[int, list[Sample]] = defaultdict(list)
    for call in calls:
        seconds[(call.at_us - began_us) // 1_000_000].append(call)
    return [_second(number, seconds.get(number, [])) for number in range(max(seconds) + 1)]


def p95_over_time(samples: Sequence[Sample]) -> dict[str, list[float | None]]:
    """Give each group of callers' 95th percentile for the same seconds as `over_time`, None where it got no answer."""
    calls = [sample for sample in samples if sample.metric is Metric.LATENCY]
    began_us = min((call.at_us for call in calls), default=0)
    lengths: dict[tuple[str, int], list[float]] = defaultdict(list)
    for call in calls:
        lengths[call.callers, (call.at_us - began_us) // 1_000_000].append(call.ms)
    seconds = range(max((second for _, second in lengths), default=-1) + 1)
    return {
        name: [_p95(lengths[name, second]) if (name, second) in lengths else None for second in seconds]
        for name in sorted({name for name, _ in lengths})
    }


def _p95(values: Sequence[float]) -> float:
    return round(percentile(values, 95), 3)


def _second(number: int, calls: Sequence[Sample]) -> dict[str, Any]:
    lengths = sorted(call.ms for call in calls)
    shown = {f"p{percent}": round(percentile(lengths, percent), 3) if lengths else None for percent in (50, 95, 99)}
    return {"second": number, **shown, "statuses": dict(sorted(Counter(str(call.status) for call in calls).items()))}


def histogram(values: Sequence[float], bins: int = BINS) -> list[dict[str, float]]:
    """Give bins of equal ratio between the least and the largest value, each with how many values it holds."""
    if not values:
        return []
    least, most = max(min(values), 0.01), max(values)
    if most <= least:
        return [{"from_ms": round(least, 3), "to_ms": round(most, 3), "count": len(values)}]
    ratio = math.log(most / least)
    counts = Counter(min(bins - 1, int(math.log(max(value, least) / least) / ratio * bins)) for value in values)
    edges = [least * math.exp(ratio * number / bins) for number in range(bins + 1)]
    return [
        {"from_ms": round(edges[n], 3), "to_ms": round(edges[n + 1], 3), "count": counts.get(n, 0)} for n in range(bins)
    ]


def chosen(samples: Iterable[Sample], most: int) -> list[Sample]:
    """Give up to `most` of the samples that name an Invocation, spread evenly over all of them."""
    named = [sample for sample in samples if sample.invocation_id and sample.metric is Metric.OVERHEAD]
    if len(named) <= most:
        return named
    return [named[number * len(named) // most] for number in range(most)]


def phases(sample: Sample, record: Mapping[str, Any]) -> dict[str, Any]:
    """Give where one call's time went, in ms: what is neither queue, start nor run is admission and answer."""
    told = {phase: float(record["phases"][f"{phase}_ms"]) for phase in PHASES[:-1]}
    rest = max(0.0, sample.whole_ms - sum(told.values()))
    return {"callers": sample.callers, "cold": record["usage"]["cold"], **told, "rest": rest}


def median_phases(calls: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Give each phase's median for warm and for cold calls, of those kinds that there are."""
    kinds = {"warm": [call for call in calls if not call["cold"]], "cold": [call for call in calls if call["cold"]]}
    return {
        kind: {phase: round(statistics.median(call[phase] for call in group), 3) for phase in PHASES}
        for kind, group in kinds.items()
        if group
    }


def usage(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Give the stack's parts at each reading: cores used since the one before, memory in MB, open descriptors."""
    return [_between(before, after, readings[0].at_s) for before, after in itertools.pairwise(readings)]


def _between(before: Reading, after: Reading, began_s: float) -> dict[str, Any]:
    lasted_s = max(after.at_s - before.at_s, 1e-9)
    parts = {
        name: {
            "cores": round(max(0.0, part.cpu_s - before.parts[name].cpu_s) / lasted_s, 3)
            if name in before.parts
            else 0,
            "memory_mb": round(part.memory_mb, 1),
            "descriptors": part.descriptors,
        }
        for name, part in after.parts.items()
    }
    host = round((after.host_cpu_s - before.host_cpu_s) / lasted_s, 3)
    own = [part for name, part in after.parts.items() if name != STAND_IN]
    return {
        "at_s": round(after.at_s - began_s, 2),
        "host_cores": host,
        "own_memory_mb": round(sum(part.memory_mb for part in own), 1),
        "own_descriptors": sum(part.descriptors for part in own),
        **after.counts,
        "parts": parts,
    }


def in_stages(rows: Sequence[Mapping[str, Any]], began_s: float, ended_s: float) -> dict[str, dict[str, float]]:
    """Give the stack's cores and memory, on average, before a load, during it and after it."""
    stages: dict[str, list[Mapping[str, Any]]] = {"before": [], "during": [], "after": []}
    for row in rows:
        stages["before" if row["at_s"] <= began_s else "during" if row["at_s"] <= ended_s else "after"].append(row)
    return {name: _mean(of) for name, of in stages.items() if of}


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    def mean(figure: str) -> float:
        return round(statistics.fmean(sum(part[figure] for part in row["parts"].values()) for row in rows), 3)

    host = round(statistics.fmean(row["host_cores"] for row in rows), 3)
    return {"stack_cores": mean("cores"), "host_cores": host, "memory_mb": mean("memory_mb")}


def growth(rows: Sequence[Mapping[str, Any]], slack: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Compare the middle fifth of a soak with its last: what of memory, descriptors and counts has grown.

    `slack` names what is looked at, each with a growth that is too small to speak of. Before the middle there is
    warming up, and the two minutes for which Redis keeps an answer: until these are over its keys only become more.
    Raises ValueError when there are fewer rows than fifths.
    """
    if len(rows) < 5:
        raise ValueError(f"a soak needs five readings or more to compare, not {len(rows)}")
    fifth = len(rows) // 5
    early, late = rows[2 * fifth : 3 * fifth], rows[-fifth:]
    found = {}
    for name, small in slack.items():
        was, now = (statistics.median(row[name] for row in part) for part in (early, late))
        found[name] = {"early": was, "late": now, "flat": now - was <= max(small, was * GROWTH)}
    return found
