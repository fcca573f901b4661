"""What a load test is made of, as values: functions, callers, loads; it runs nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from loadtest.scenarios import zips


class Target(StrEnum):
    """Who serves a load: Hearth, or a peer in the same run."""

    HEARTH = "hearth"
    BARE = "bare"
    EMULATOR = "emulator"


class Kind(StrEnum):
    """What a caller does; the values are the names of `drive.js`'s functions."""

    SYNC = "sync"
    RECORD = "record"  #: calls asynchronously and waits for the terminal record


@dataclass(frozen=True)
class Function:
    """A function to deploy before the load, for each tenant that calls it."""

    source: Path = zips.NOOP
    memory_mb: int = 512


@dataclass(frozen=True, kw_only=True)
class Callers:
    """Callers who all do the same. `executor` is k6's: how many, how long. `{number}` in a function's name counts."""

    executor: Mapping[str, Any]
    function: str
    event: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.SYNC
    think_s: float = 0.0
    durable: bool = False
    tenant: str | None = None  #: None is the stack's first


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run of k6. `records` is how many Invocations are looked at afterwards, for their phases."""

    name: str
    callers: Mapping[str, Callers]
    lasts_s: float  #: as planned, for the progress bar
    target: Target = Target.HEARTH
    records: int = 100
    rest_s: float = 0.0  #: how long the stack is watched before and after


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A stack with settings of its own, functions on it, and loads one after another."""

    name: str
    says: str
    loads: tuple[Load, ...]
    functions: Mapping[str, Function]
    settings: Mapping[str, str] = field(default_factory=dict)
    tenants: tuple[str, ...] = ()
    warm: Mapping[str, int] = field(default_factory=dict)  #: how many calls at once before the load, by function
    engine_starts: int = 0  #: how many bare containers the engine creates and starts beside it, to compare with
    watch_s: float = 0.5
    slack: Mapping[str, float] = field(default_factory=dict)  #: what must be flat at the end (`figures.growth`)


#: k6 takes no scenario that is shorter.
LEAST_MS = 1000

HEAVY_EVENT = {"n": 20}
HEAVY = Function(zips.HEAVY)
NOOP = Function(zips.NOOP)

#: For loads that measure the platform and not its limits: as many at once as there are callers, and no rate.
OPEN = {
    "HEARTH_CONCURRENCY": "96",
    "HEARTH_SLOTS": "96",
    "HEARTH_POOL_MEMORY_MB": "65536",
    "HEARTH_WAITING": "256",
    "HEARTH_TENANT_CONCURRENCY": "1000",
    **{f"HEARTH_{whose}_{what}": "1000000" for whose in ("TENANT", "ADDRESS") for what in ("RATE_PER_S", "BURST")},
}


def constant(users: int, lasts_s: float) -> dict[str, Any]:
    """Give k6's executor for users who call again and again."""
    return {"executor": "constant-vus", "vus": users, "duration": _seconds(lasts_s), "gracefulStop": "60s"}


def ramp(*stages: tuple[float, int]) -> dict[str, Any]:
    """Give k6's executor for users who come and go: stages of seconds and how many there are at their ends."""
    steps = [{"duration": _seconds(lasts_s), "target": users} for lasts_s, users in stages]
    return {"executor": "ramping-vus", "startVUs": 0, "stages": steps, "gracefulRampDown": "60s", "gracefulStop": "60s"}


def at_once(calls: int) -> dict[str, Any]:
    """Give k6's executor for users who all come at the same moment and call once."""
    return {"executor": "per-vu-iterations", "vus": calls, "iterations": 1, "maxDuration": "120s"}


def arriving(per_s: int, lasts_s: float, users: int) -> dict[str, Any]:
    """Give k6's executor for calls that arrive at a rate, whatever became of those before."""
    return {
        "executor": "constant-arrival-rate",
        "rate": per_s,
        "timeUnit": "1s",
        "duration": _seconds(lasts_s),
        "preAllocatedVUs": users,
        "maxVUs": users,
        "gracefulStop": "60s",
    }


def plan(load: Load, run: str, base_url: str, api_keys: Mapping[str | None, str]) -> dict[str, Any]:
    """Give what `drive.js` is to do: scenarios as k6 knows them, and each one's calls."""
    scenarios = {name: {**callers.executor, "exec": callers.kind.value} for name, callers in load.callers.items()}
    calls = {name: _call(load.target, callers, base_url, api_keys) for name, callers in load.callers.items()}
    return {"run": run, "scenarios": scenarios, "calls": calls}


def _call(target: Target, callers: Callers, base_url: str, api_keys: Mapping[str | None, str]) -> dict[str, Any]:
    path = f"/functions/{callers.function}/invocations"
    if target is Target.EMULATOR:
        path = "/2015-03-31/functions/function/invocations"
    return {
        "url": base_url + path,
        "records": f"{base_url}/invocations/",
        "api_key": api_keys[callers.tenant],
        "event": json.dumps(callers.event),
        "headers": {"Prefer": "respond-async"} if callers.kind is Kind.RECORD else {},
        "lane": "durable" if callers.durable else "",
        "think_s": callers.think_s,
    }


def _seconds(length: float) -> str:
    return f"{max(LEAST_MS, round(length * 1000))}ms"
