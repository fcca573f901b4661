"""What a sandbox is to the worker, whatever makes it; never how it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared_lua.contract import Invocation, LiveLog, PeakScope, Version
from worker_agent.sandboxes.runtime_api import End


@dataclass(frozen=True)
class Started:
    """What a start took: from the Version's assignment to a function that asks for work, or to its failure to do so."""

    start_us: int
    cpu_us: int
    cpu_system_us: int = 0  #: the part of `cpu_us` that the kernel spent for it
    waited_us: int = 0  #: before the assignment: until there was the code, and a Stem


@dataclass(frozen=True)
class Ran:
    """One run of a function: how it ended, what it printed, how long it took and what the kernel counted over it."""

    end: End
    log: str
    run_us: int
    thaw_us: int
    cpu_us: int
    cpu_system_us: int
    peak_memory_bytes: int
    peak_scope: PeakScope
    io_read_bytes: int
    io_write_bytes: int
    oom_killed: bool
    complete: bool  #: False when the counters were gone before the last reading
    exit_reason: str = ""  #: for a function that died: the engine's word on how


class Sandbox(Protocol):
    """One live container with one Version in it.

    It serves one Invocation at a time, and that Version only, for as long as it lives. After `destroy` nothing in it
    runs any more, and no method but `destroy` may be called; calling that again does nothing. A function's own
    failures are values, here and below; what is raised is a PlatformError.
    """

    version: Version
    started: Started

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        """Run one event within the Version's timeout; SandboxGoneError when it had died before it saw the event."""

    def printed(self) -> LiveLog:
        """Give what the function has printed so far in the run under way, nothing between two; any thread may ask."""

    def rest(self) -> int:
        """Freeze it until the next Invocation; give how long that took, µs."""

    def alive(self) -> bool:
        """Tell whether it can serve another Invocation."""

    def destroy(self, reason: str) -> None:
        """End every process in it, at once, and remove it; never raises: what the engine keeps is swept up later."""


class Stem(Protocol):
    """A started sandbox of one runtime that has no function yet."""

    runtime: str

    def alive(self) -> bool:
        """Tell whether it can still become something."""

    def become(self, version: Version, code: bytes, layers: Sequence[bytes] = (), waited_us: int = 0) -> Sandbox:
        """Become a Version, ready for work; StartFailed when the function cannot start. Only once.

        `layers` are the zips of the Version's layers, in their order; `waited_us` is what this start took until now.
        """

    def destroy(self, reason: str) -> None:
        """End and remove it; never raises."""


class Sandboxes(Protocol):
    """Makes Stems, from which every Sandbox comes."""

    def make_stem(self, runtime: str) -> Stem:
        """Make a Stem; EngineUnavailableError or ImageMissingError when it cannot be had."""

    def check(self) -> None:
        """Raise EngineUnavailableError when no Stem could be made now."""

    def sweep(self) -> None:
        """Remove what dead agents of this host left behind."""

    def close(self) -> int:
        """Remove every container this agent still has, whoever uses it; give how many there were."""


class StartFailed(Exception):  # noqa: N818  (the function's fault, an end like any other: execute turns it into one)
    """A function could not start: its import failed, its handler is missing, it took too long or it died."""

    def __init__(self, ran: Ran, started: Started) -> None:
        super().__init__(ran.end.how.value)
        self.ran = ran  #: its `run_us` and `cpu_us` are 0: no event was handed over
        self.started = started
