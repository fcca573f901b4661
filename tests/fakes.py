"""Stand-ins with a memory, for tests whose subject is not a container."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from shared_lua.contract import Invocation, Version
from tests.builders import ran
from worker_agent.errors import EngineUnavailableError
from worker_agent.sandbox import Ran, Started


def _warm() -> Started:
    return Started(start_us=120_000, cpu_us=50_000)


@dataclass(eq=False)
class FakeSandbox:
    """A sandbox that remembers what was done to it."""

    version: Version
    started: Started = field(default_factory=_warm)
    usable: bool = True
    destroyed: list[str] = field(default_factory=list)
    behave: Callable[[Invocation, bytes], Ran] = lambda _invocation, _payload: ran()

    def invoke(self, invocation: Invocation, payload: bytes) -> Ran:
        return self.behave(invocation, payload)

    def alive(self) -> bool:
        return self.usable

    def destroy(self, reason: str) -> None:
        self.destroyed.append(reason)


class FakeSandboxes:
    """Makes FakeSandboxes that behave as told, and remembers them; `down` makes its engine fail."""

    def __init__(self, behave: Callable[[Invocation, bytes], Ran] | None = None) -> None:
        self.behave = behave or (lambda _invocation, _payload: ran())
        self.made: list[FakeSandbox] = []
        self.down = threading.Event()

    def start(self, version: Version, code: bytes) -> FakeSandbox:
        self.check()
        sandbox = FakeSandbox(version, behave=self.behave)
        self.made.append(sandbox)
        return sandbox

    def check(self) -> None:
        if self.down.is_set():
            raise EngineUnavailableError("the fake engine is down")

    def sweep(self) -> int:
        return 0

    def close(self) -> int:
        return 0
