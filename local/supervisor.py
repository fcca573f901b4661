"""Keeps the stack's own processes running: starts them again when they die, ends them in reverse; never the engine."""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import process
from local.errors import StackError

#: The wait before a dead child is started again doubles from the first to the second; a child that lived longer
#: than the third begins anew. Without it a child that dies at once would take the whole processor.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
STEADY_S = 30.0


@dataclass(frozen=True)
class Program:
    """What a child runs, and what its death means. `on_parent_death` is the signal it gets when we are killed."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    grace_s: float = 5.0
    on_parent_death: signal.Signals = signal.SIGKILL
    loss: str = ""  #: what is lost when it dies
    mendable: bool = True  #: False when the stack cannot go on without what it kept


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.start_again_at: float | None = None
        self._wait_s = FIRST_WAIT_S
        self.start()

    def start(self) -> None:
        """Start the program; its output is appended to its log."""
        program = self.program
        self.start_again_at = None
        self._started_at = time.monotonic()
        self._process = process.spawn(program.command, program.environ, program.log, program.on_parent_death)
        self._pidfd = os.pidfd_open(self._process.pid)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self.start_again_at is None:
            process.end(self._process, self.program.grace_s)
            os.close(self._pidfd)

    @property
    def pid(self) -> int:
        """The process that runs the program now, or ran it last."""
        return self._process.pid

    @property
    def descriptor(self) -> int:
        """Readable when the process has ended."""
        return self._pidfd

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when it is ready; raise StackError when it ends before, or is not ready in time."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            self._require_alive()
            if time.monotonic() > give_up:
                raise StackError(f"{self.program.name} is not ready after {timeout_s:.0f} s:\n{self._tail()}")
            time.sleep(0.02)

    def on_exit(self) -> str:
        """Set when to start the ended program again and give a sentence; raise StackError when it cannot be mended."""
        os.close(self._pidfd)
        lived_s = time.monotonic() - self._started_at
        wait_s = FIRST_WAIT_S if lived_s > STEADY_S else self._wait_s
        self._wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self.start_again_at = time.monotonic() + wait_s
        sentence = f"{self.program.name} ended with code {self._process.wait()}. {self.program.loss}".rstrip()
        if not self.program.mendable:
            raise StackError(f"{sentence}\n{self._tail()}")
        return f"{sentence} It is started again in {wait_s:.1f} s; its log: {self.program.log}"

    def _require_alive(self) -> None:
        code = self._process.poll()
        if code is not None:
            raise StackError(f"{self.program.name} ended with code {code} while starting:\n{self._tail()}")

    def _tail(self) -> str:
        return process.tail(self.program.log)


class Supervisor:
    """The children in the order they were started."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []
        self.deaths = 0  #: of children, unasked: above 0 their logs are worth keeping

    def start(self, program: Program) -> Child:
        """Start a child that is watched from now on."""
        child = Child(program)
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        """End a child for good."""
        self._children.remove(child)
        child.stop()

    def watch(self, stop_requested: Callable[[], bool]) -> None:
        """Start dead children again until a stop is requested; raise StackError for a loss that cannot be mended."""
        while not stop_requested():
            self._wait()
            for child in self._children:
                self._mend(child)

    def _wait(self) -> None:
        """Sleep until a child ends, or one is due to be started again."""
        poller = select.poll()
        for child in self._children:
            if child.start_again_at is None:
                poller.register(child.descriptor, select.POLLIN)
        due = [child.start_again_at for child in self._children if child.start_again_at is not None]
        poller.poll(max(0, min(due) - time.monotonic()) * 1000 + 1 if due else None)

    def _mend(self, child: Child) -> None:
        if child.start_again_at is not None:
            if child.start_again_at <= time.monotonic():
                child.start()
        elif _has_ended(child.descriptor):
            self.deaths += 1
            self._say(child.on_exit())


def _has_ended(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))
