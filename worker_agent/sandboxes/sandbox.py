"""The interface of sandboxes, independent of how they are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared_lua.contract import Invocation, LiveLog, PeakScope, Version
from worker_agent.sandboxes.runtime_api import End


@dataclass(frozen=True)
class Started:
    """What a start took, from the assignment of the Version until the function asked for work or failed to."""

    start_us: int
    cpu_us: int
    cpu_system_us: int = 0  #: the part of `cpu_us` that the kernel spent for it
    waited_us: int = 0  #: before the assignment: for the code and a Stem


@dataclass(frozen=True)
class Ran:
    """One run of a function: its end, its log, its length, and what the kernel counted meanwhile."""

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
    exit_reason: str = ""  #: of a function that died, in Lambda's words


class Sandbox(Protocol):
    """One live container with one Version in it.

    It serves one Invocation at a time, and that Version only. After `destroy` nothing in it runs any more, and no other
    method may be called; a second `destroy` does nothing. A function's own failures are returned, here and below; what
    is raised is a PlatformError.
    """

    version: Version
    started: Started

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        """Run one event within the Version's timeout; SandboxGoneError when it had died before it saw the event."""

    def printed(self) -> LiveLog:
        """Return what the function has printed in the run under way; empty between two. Safe for any thread."""

    def rest(self) -> int:
        """Freeze it until the next Invocation; return how long that took, µs."""

    def alive(self) -> bool:
        """Return whether it can serve another Invocation."""

    def destroy(self, reason: str) -> None:
        """Kill every process in it and remove it. Never raises: what the engine fails to remove is swept later."""


class Stem(Protocol):
    """A started sandbox of one runtime that has no function yet."""

    runtime: str

    def alive(self) -> bool:
        """Return whether it can still become a Version."""

    def become(self, version: Version, code: bytes, layers: Sequence[bytes] = (), waited_us: int = 0) -> Sandbox:
        """Become a Version, ready for work; StartFailed when the function cannot start. Only once.

        `layers` are the zips of the Version's layers, in order; `waited_us` is how long this start has waited so far.
        """

    def destroy(self, reason: str) -> None:
        """Kill and remove it; never raises."""


class Sandboxes(Protocol):
    """Makes Stems, from which every Sandbox comes."""

    def make_stem(self, runtime: str) -> Stem:
        """Make a Stem; raise EngineUnavailableError or ImageMissingError."""

    def check(self) -> None:
        """Raise EngineUnavailableError when no Stem can be made now."""

    def sweep(self) -> None:
        """Remove the containers of this host's dead agents."""

    def close(self) -> int:
        """Remove every container of this agent, also those in use; return how many there were."""


class StartFailed(Exception):  # noqa: N818  (the function's fault, an end like any other: execute turns it into one)
    """A function could not start: its import failed, its handler is missing, it took too long or it died."""

    def __init__(self, ran: Ran, started: Started) -> None:
        super().__init__(ran.end.how.value)
        self.ran = ran  #: its `run_us` and `cpu_us` are 0: no event was handed over
        self.started = started
