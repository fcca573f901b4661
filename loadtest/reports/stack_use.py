"""Turns readings of a running stack into what it used before, during and after a load, and what grew in a soak."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.reports.readings import STAND_IN, Part, Reading

#: By how much of its level in the middle a figure may exceed it at the end of a soak and still count as flat.
GROWTH = 0.1


def usage(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Returns a row for each reading but the first: cores used since the one before, memory in MB, open descriptors."""
    return [_between(before, after, readings[0].at_s) for before, after in itertools.pairwise(readings)]


def _between(before: Reading, after: Reading, began_s: float) -> dict[str, Any]:
    lasted_s = max(after.at_s - before.at_s, 1e-9)
    own = [part for name, part in after.parts.items() if name != STAND_IN]
    return {
        "at_s": round(after.at_s - began_s, 2),
        "host_cores": round((after.host_cpu_s - before.host_cpu_s) / lasted_s, 3),
        "own_memory_mb": round(sum(part.memory_mb for part in own), 1),
        "own_descriptors": sum(part.descriptors for part in own),
        **after.counts,
        "parts": {name: _part(before.parts.get(name), part, lasted_s) for name, part in after.parts.items()},
    }


def _part(before: Part | None, after: Part, lasted_s: float) -> dict[str, float]:
    used_s = max(0.0, after.cpu_s - before.cpu_s) if before else 0.0
    return {
        "cores": round(used_s / lasted_s, 3),
        "memory_mb": round(after.memory_mb, 1),
        "descriptors": after.descriptors,
    }


def in_stages(rows: Sequence[Mapping[str, Any]], began_s: float, ended_s: float) -> dict[str, dict[str, float]]:
    """Returns the average cores and memory of the stack before, during and after a load."""
    stages: dict[str, list[Mapping[str, Any]]] = {"before": [], "during": [], "after": []}
    for row in rows:
        stages["before" if row["at_s"] <= began_s else "during" if row["at_s"] <= ended_s else "after"].append(row)
    return {name: _average(stage) for name, stage in stages.items() if stage}


def _average(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    def of_parts(figure: str) -> float:
        return round(statistics.fmean(sum(part[figure] for part in row["parts"].values()) for row in rows), 3)

    host = round(statistics.fmean(row["host_cores"] for row in rows), 3)
    return {"stack_cores": of_parts("cores"), "host_cores": host, "memory_mb": of_parts("memory_mb")}


def growth(rows: Sequence[Mapping[str, Any]], slack: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Compares the last fifth of a soak with its middle fifth, for each figure in `slack`.

    A figure is flat when it rose by at most GROWTH, or by at most its value in `slack`. The time before the middle does
    not count: the stack warms up then, and Redis keeps answers for two minutes, so that until then its keys only become
    more. Raises ValueError when there are fewer than five rows.
    """
    if len(rows) < 5:
        raise ValueError(f"a soak needs five readings or more to compare, not {len(rows)}")
    fifth = len(rows) // 5
    middle, end = rows[2 * fifth : 3 * fifth], rows[-fifth:]
    return {name: _compared(_median(middle, name), _median(end, name), small) for name, small in slack.items()}


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(statistics.median(row[name] for row in rows))


def _compared(middle: float, end: float, small: float) -> dict[str, Any]:
    return {"early": middle, "late": end, "flat": end - middle <= max(small, middle * GROWTH)}
