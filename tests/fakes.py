"""Stand-ins with a memory, for tests whose subject is not a container."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared_lua.contract import Invocation, LiveLog, Version
from tests.builders import ran
from worker_agent.errors import EngineUnavailableError
from worker_agent.lanes.capacity import Capacity
from worker_agent.pool.slots import SandboxRequest, Slot
from worker_agent.sandboxes.sandbox import Ran, Sandbox, Started


def _started(waited_us: int = 0) -> Started:
    return Started(start_us=120_000, cpu_us=50_000, cpu_system_us=9_000, waited_us=waited_us)


@dataclass(eq=False)
class FakeSandbox:
    """A sandbox that remembers what was done to it."""

    version: Version
    started: Started = field(default_factory=_started)
    usable: bool = True
    done: list[str] = field(default_factory=list)
    log: LiveLog = field(default_factory=lambda: LiveLog(total_bytes=0, tail=""))
    behave: Callable[[Invocation, bytes], Ran] = lambda _invocation, _payload: ran()

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        self.done.append("invoke")
        return self.behave(invocation, payload)

    def printed(self) -> LiveLog:
        return self.log

    def rest(self) -> int:
        self.done.append("rest")
        return 100

    def alive(self) -> bool:
        return self.usable

    def destroy(self, reason: str) -> None:
        self.done.append(f"destroy: {reason}")

    @property
    def destroyed(self) -> bool:
        return any(what.startswith("destroy") for what in self.done)


@dataclass(eq=False)
class FakeStem:
    """A Stem of `sandboxes` that becomes a FakeSandbox."""

    sandboxes: "FakeSandboxes"
    runtime: str
    living: bool = True
    destroyed: bool = False

    def alive(self) -> bool:
        return self.living

    def become(self, version: Version, code: bytes, layers: Sequence[bytes] = (), waited_us: int = 0) -> FakeSandbox:
        self.sandboxes.unpacked.append((*layers, code))
        behave = self.sandboxes.behave
        sandbox = FakeSandbox(version, _started(waited_us), behave=behave)
        self.sandboxes.made.append(sandbox)
        return sandbox

    def destroy(self, reason: str) -> None:
        self.destroyed = True


class FakeSandboxes:
    """Makes FakeStems and remembers what became of them; `down` makes its engine fail."""

    def __init__(self, behave: Callable[[Invocation, bytes], Ran] | None = None) -> None:
        self.behave = behave or (lambda _invocation, _payload: ran())
        self.stems: list[FakeStem] = []
        self.made: list[FakeSandbox] = []
        self.unpacked: list[tuple[bytes, ...]] = []
        self.down = threading.Event()

    def make_stem(self, runtime: str) -> FakeStem:
        self.check()
        stem = FakeStem(self, runtime)
        self.stems.append(stem)
        return stem

    def check(self) -> None:
        if self.down.is_set():
            raise EngineUnavailableError("the fake engine is down")

    def sweep(self) -> None: ...

    def close(self) -> int:
        return 0


def fake_start(of: Version, request: SandboxRequest, started: Started | None = None) -> Sandbox | Slot:
    """Start a sandbox that only remembers, or give the Slot that was offered before."""
    if request.offer(FakeStem(FakeSandboxes(), of.runtime)):
        return FakeSandbox(of, started or _started(0))
    came = request.result()
    assert isinstance(came, Slot)
    return came


class NoExpress:
    """The express lane of a worker that has none."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, patience_s: float) -> bool:
        return True

    def give_up(self) -> None: ...


def own_capacity(count: int) -> Capacity:
    """The capacity of a durable lane that cannot borrow."""
    return Capacity(count, lambda _: 0, lambda _: None)
