"""The worker's background threads: an unforeseen error is logged, counted and tried again; one that stays is fatal.

A thread that ended quietly would leave the agent half dead: no heartbeat, no reaper, no record written. A process that
ends is started anew by its supervisor, and the reaper requeues what it had in flight, as after any crash. So every
thread of the worker is made here, and a test finds those that are not.
"""

import functools
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn, ParamSpec, TypeVar

from worker_agent import log

#: How a process ends whose thread cannot go on: EX_SOFTWARE of sysexits.h. No other end of the agent has this code.
EXIT_CODE = 70
#: Unforeseen errors in a row, without one turn that succeeds, after which a thread cannot go on: some 11 s with these
#: pauses. By then the heartbeat has expired and the other workers have taken over what this one had in flight.
MOST_FAILURES = 8
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")

_failures: Counter[str] = Counter()
_lock = threading.Lock()


class Loop:
    """A daemon thread that calls `turn` again and again until it is stopped. Waiting for work is the turn's business.

    Several loops may share one `stopping`.
    """

    def __init__(self, name: str, turn: Callable[[], object], stopping: threading.Event | None = None) -> None:
        self._name = name
        self._turn = turn
        self._stopping = stopping or threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Have no further turn begin; `join` waits for the one under way."""
        self._stopping.set()

    def join(self, patience_s: float | None = None) -> bool:
        """Wait for the thread to end, for so long at most, and return whether it has. It need not have been started."""
        if self._thread.is_alive():
            self._thread.join(patience_s)
        return not self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether a long turn should come to an end."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait inside a turn; return at once, and True, when the loop is stopped."""
        return self._stopping.wait(seconds)

    def run(self) -> None:
        """Run the loop in the calling thread."""
        failed = 0
        while not self._stopping.is_set():
            try:
                self._turn()
                failed = 0
            except Exception as error:  # noqa: BLE001  (unforeseen: a thread must outlive it)
                failed += 1
                self._recover(error, failed)
            except BaseException as error:  # noqa: BLE001  (no error to recover from, and nobody else would see it)
                end_process(self._name, error)

    def _recover(self, error: Exception, failed: int) -> None:
        """Pause before the next try; end the process after too many."""
        report(self._name, error)
        if failed >= MOST_FAILURES and not self.is_stopping:
            end_process(self._name, error)
        self.wait(min(FIRST_PAUSE_S * 2 ** (failed - 1), LONGEST_PAUSE_S))


class Jobs(ThreadPoolExecutor):
    """A pool of threads for jobs whose futures nobody may look at: an error that a job raises is reported as well."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(size, thread_name_prefix=name)
        self._name = name

    def submit(self, job: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Have a job done; raise RuntimeError once the pool is shut down."""
        return super().submit(self._do, functools.partial(job, *args, **kwargs))

    def _do(self, job: Callable[[], T]) -> T:
        try:
            return job()
        except Exception as error:
            report(self._name, error)
            raise
        except BaseException as error:  # noqa: BLE001  (as in a Loop)
            end_process(self._name, error)


def in_own_thread(name: str, act: Callable[[], T]) -> T:
    """Call `act` in a thread made for it, which then ends; return its result, or raise what it raises."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as thread:
        return thread.submit(act).result()


def report(thread: str, error: Exception) -> None:
    """Log an unforeseen error with its traceback, and count it."""
    with _lock:
        _failures[thread] += 1
    log.warn("thread_failed", f"unforeseen error in thread {thread}: {error!r}", unexpected=error, thread=thread)


def failures() -> dict[str, int]:
    """Return the number of unforeseen errors since the process started, by thread."""
    with _lock:
        return dict(_failures)


def end_process(thread: str, error: BaseException) -> NoReturn:
    """End the process at once, as a crash would: nothing is drained that the broken thread might hold up."""
    log.error(
        "thread_cannot_go_on",
        f"thread {thread} cannot go on, so the agent ends with exit code {EXIT_CODE}: {error!r}",
        unexpected=error,
        thread=thread,
    )
    os._exit(EXIT_CODE)
