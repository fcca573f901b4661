"""Samples, readings and loads as they come out of a run, with only what a test is about to be said."""

from typing import Any

from loadtest.reports.readings import Part, Reading
from loadtest.reports.samples import Metric, Sample


def call(ms: float, at_s: float = 1.0, status: int = 200, callers: str = "users") -> Sample:
    return Sample(Metric.LATENCY, round(at_s * 1e6), callers, ms, status)


def overhead(ms: float, invocation_id: str = "", whole_ms: float = 0.0, callers: str = "users") -> Sample:
    return Sample(Metric.OVERHEAD, 1_000_000, callers, ms, 0, invocation_id, whole_ms)


def reading(at_s: float, cpu_s: float = 0.0, memory_mb: float = 10.0, **counts: int) -> Reading:
    return Reading(at_s, cpu_s * 2, {"worker": Part(cpu_s, memory_mb, 7)}, counts)


def record(queue: float = 1.0, start: float = 0.0, run: float = 2.0, *, cold: bool = False) -> dict[str, Any]:
    return {"phases": {"queue_ms": queue, "start_ms": start, "run_ms": run}, "usage": {"cold": cold}}


def group(**changed: Any) -> dict[str, Any]:
    spread = {"count": 9, "p50": 2.0, "p90": 3.0, "p95": 4.0, "p99": 5.0, "max": 6.0}
    values: dict[str, Any] = {
        "calls": 9,
        "per_s": 700.0,
        "statuses": {"200": 9},
        "latency_ms": {"200": spread},
        "overhead_ms": spread,
        "to_record_ms": None,
        "dropped": 0,
    }
    return {**values, **changed}


def load(name: str, **changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": name,
        "target": "hearth",
        "found_stems": 0,
        "complaints": [],
        "callers": {"users": group()},
        "over_time": [{"second": 0, "p50": 2.0, "p95": 4.0, "p99": 5.0, "statuses": {"200": 9}}],
        "p95_over_time": {"users": [4.0]},
        "histogram": [{"from_ms": 1.0, "to_ms": 2.0, "count": 9}],
        "phases": [{"callers": "users", "cold": False, "queue": 1.0, "start": 0.0, "run": 2.0, "rest": 0.5}],
        "stack": [
            {"at_s": 1.0, "host_cores": 1.5, "parts": {"worker": {"cores": 1, "memory_mb": 9, "descriptors": 7}}}
        ],
        "stages": {"during": {"stack_cores": 1.0, "host_cores": 1.5, "memory_mb": 9.0}},
        "growth": None,
    }
    return {**values, **changed}


def scenario(*loads: dict[str, Any], **changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "tried",
        "description": "What it is.",
        "settings": {},
        "engine_starts_per_s": None,
        "loads": [*loads],
    }
    return {**values, "loads": [*loads], **changed}
