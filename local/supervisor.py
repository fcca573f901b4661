"""Keeps the stack's processes running: restarts those that die, and ends them all in reverse order.

The Docker Engine is not among them, as it may serve other stacks too.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import process
from local.errors import StackError
from local.signals import held

#: Back-off before a process is restarted: the wait doubles from FIRST_WAIT_S to LONGEST_WAIT_S, and begins anew for one
#: that has run for STEADY_S. Without it, a program that ends at once would use up a core.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
STEADY_S = 30.0


@dataclass(frozen=True)
class Program:
    """What a child process runs, and what its death means."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    grace_s: float = 5.0  #: between SIGTERM and SIGKILL
    on_parent_death: signal.Signals = signal.SIGKILL  #: what it gets when the supervisor is killed
    loss: str = ""  #: a sentence about what is lost when it dies
    restartable: bool = True  #: False if the stack cannot go on without what the process kept in memory


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.start_again_at: float | None = None
        self._wait_s = FIRST_WAIT_S
        self.start()

    def start(self) -> None:
        """Starts the program. Its output is appended to its log."""
        program = self.program
        with held():
            self._process = process.spawn(program.command, program.environ, program.log, program.on_parent_death)
            self._pidfd = os.pidfd_open(self._process.pid)
            self.start_again_at = None
            self._started_at = time.monotonic()

    def stop(self) -> None:
        """Ends the process if it runs."""
        if self.start_again_at is None:
            process.end(self._process, self.program.grace_s)
            os.close(self._pidfd)

    @property
    def pid(self) -> int:
        """The process that runs the program now, or ran it last."""
        return self._process.pid

    @property
    def descriptor(self) -> int:
        """A file descriptor that becomes readable when the process ends."""
        return self._pidfd

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Returns when `is_ready`; raises StackError if the process ends first or is not ready in time."""
        if not self.is_ready_within(is_ready, timeout_s):
            raise StackError(f"{self.program.name} is not ready after {timeout_s:.0f} s:\n{self._tail()}")

    def is_ready_within(self, is_ready: Callable[[], bool], timeout_s: float, poll_s: float = 0.02) -> bool:
        """Waits until `is_ready` and returns whether that was in time; raises StackError if the process ends first."""
        give_up = time.monotonic() + timeout_s
        while not is_ready():
            self._require_alive()
            if time.monotonic() > give_up:
                return False
            time.sleep(poll_s)
        return True

    def on_exit(self) -> str:
        """Schedules the restart of a process that has ended and returns a sentence for the user.

        Raises StackError if the program cannot be restarted.
        """
        os.close(self._pidfd)
        lived_s = time.monotonic() - self._started_at
        wait_s = FIRST_WAIT_S if lived_s > STEADY_S else self._wait_s
        self._wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self.start_again_at = time.monotonic() + wait_s
        sentence = f"{self.program.name} ended with code {self._process.wait()}. {self.program.loss}".rstrip()
        if not self.program.restartable:
            raise StackError(f"{sentence}\n{self._tail()}")
        return f"{sentence} It is restarted in {wait_s:.1f} s; its log is {self.program.log}"

    def _require_alive(self) -> None:
        code = self._process.poll()
        if code is not None:
            raise StackError(f"{self.program.name} ended with code {code} while starting:\n{self._tail()}")

    def _tail(self) -> str:
        return process.tail(self.program.log)


class Supervisor:
    """The children, in the order in which they were started."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []
        self.unexpected_exits = 0  #: above 0 the children's logs are worth keeping

    def start(self, program: Program) -> Child:
        """Starts a program and watches it from now on."""
        with held():
            child = Child(program)
            self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        """Ends a child for good."""
        self._children.remove(child)
        child.stop()

    def watch(self, stop_requested: Callable[[], bool]) -> None:
        """Restarts children that die until a stop is requested; raises StackError if one cannot be restarted."""
        while not stop_requested():
            self._wait()
            for child in self._children:
                self._look_after(child)

    def _wait(self) -> None:
        """Sleeps until a child ends or is due for its restart."""
        poller = select.poll()
        for child in self._children:
            if child.start_again_at is None:
                poller.register(child.descriptor, select.POLLIN)
        due = [child.start_again_at for child in self._children if child.start_again_at is not None]
        poller.poll(max(0, min(due) - time.monotonic()) * 1000 + 1 if due else None)

    def _look_after(self, child: Child) -> None:
        if child.start_again_at is not None:
            if child.start_again_at <= time.monotonic():
                child.start()
        elif _has_ended(child.descriptor):
            self.unexpected_exits += 1
            self._say(child.on_exit())


def _has_ended(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))
