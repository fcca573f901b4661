"""What a scenario is made of, as values: functions, groups of callers, loads, and a stack's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from loadtest.scenarios import zips


class Target(StrEnum):
    """The server that a load is put on: Hearth, or a peer to compare it with."""

    HEARTH = "hearth"
    BARE = "bare"
    EMULATOR = "emulator"


class Kind(StrEnum):
    """How callers call. The values are the names of the functions in `drive.js`."""

    SYNC = "sync"
    RECORD = "record"  #: calls asynchronously and waits for the terminal record


@dataclass(frozen=True)
class Function:
    """A function that each tenant of the stack gets before the load."""

    source: Path = zips.NOOP
    memory_mb: int = 512


@dataclass(frozen=True, kw_only=True)
class Callers:
    """A group of callers that all do the same.

    `{number}` in `function` stands for the number of the call, so that each call can have a function of its own.
    """

    executor: Mapping[str, Any]  #: one of `executors`
    function: str
    event: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.SYNC
    think_s: float = 0.0
    durable: bool = False  #: calls under an Idempotency-Key, which take the durable lane
    tenant: str | None = None  #: None is the stack's first tenant


@dataclass(frozen=True, kw_only=True)
class Load:
    """One run of k6: groups of callers beside each other on one target."""

    name: str
    callers: Mapping[str, Callers]
    lasts_s: float  #: as planned, for the progress bar
    target: Target = Target.HEARTH
    records: int = 100  #: how many Invocations' records are read afterwards, for the phases
    rest_s: float = 0.0  #: how long the stack is watched before and after the load


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A stack with settings of its own, functions on it, and loads one after another."""

    name: str
    description: str
    loads: tuple[Load, ...]
    functions: Mapping[str, Function]
    settings: Mapping[str, str] = field(default_factory=dict)
    tenants: tuple[str, ...] = ()
    warm: Mapping[str, int] = field(default_factory=dict)  #: sandboxes to warm before the load, by function
    engine_starts: int = 0  #: containers that the engine alone creates and starts afterwards, to compare with
    watch_s: float = 0.5  #: the time between two readings of the stack
    slack: Mapping[str, float] = field(default_factory=dict)  #: what must be flat at the end (`stack_use.growth`)


HEAVY_EVENT = {"n": 20}
HEAVY = Function(zips.HEAVY)
NOOP = Function(zips.NOOP)

#: Settings for loads that measure the platform and not its limits: room for all callers at once, and no rate limit.
UNLIMITED = {
    "HEARTH_CONCURRENCY": "96",
    "HEARTH_SLOTS": "96",
    "HEARTH_POOL_MEMORY_MB": "65536",
    "HEARTH_WAITING": "256",
    "HEARTH_TENANT_CONCURRENCY": "1000",
    **{f"HEARTH_{whose}_{what}": "1000000" for whose in ("TENANT", "ADDRESS") for what in ("RATE_PER_S", "BURST")},
}
