"""Lets a few threads at a time do what is dear, in the order they came, as long as that does not take long.

It guards nothing: whoever has waited for its patience goes on beside those that are at it.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: How long a call waits for its turn, s: what it waits for takes milliseconds, unless AWS is slow.
PATIENCE_S = 1.0
#: How many calls may be on their way to the admission: Python's lock goes to any of two hundred threads, and each that
#: is begun makes those before it wait longer. A call alone in its process finds its place free.
ADMITTED_AT_ONCE = 16
#: How many may look up in DynamoDB, at some 5 ms of CPU in botocore each: the first of a hundred strangers has its
#: answer then before the last has asked, and of those who look for the same thing hardly one after the first.
LOOKING_UP_AT_ONCE = 2
#: How many may be on their way to the queue: to record and to queue an Invocation takes twice as much. A refusal takes
#: 0.2 ms, and should not wait for many of either.
QUEUED_AT_ONCE = 1


class Throttle:
    """A queue in front of some work, for as many threads at a time as it has `places`."""

    def __init__(self, places: int, patience_s: float) -> None:
        self._free = places
        self._patience_s = patience_s
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()
        self._own = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn, within bounds, and have it for the length of a `with`, or until it is given up."""
        self._own.has_place = self._take()
        try:
            yield
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Let the next one have the turn: this thread is about to wait for something else."""
        if getattr(self._own, "has_place", False):
            self._own.has_place = False
            self._pass_on()

    def _take(self) -> bool:
        """Wait for a place; False when none came in time."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            given = threading.Lock()
            given.acquire()
            self._waiting.append(given)
        if given.acquire(timeout=self._patience_s):
            return True
        with self._lock:
            if given in self._waiting:
                self._waiting.remove(given)
                return False
        return True  # it was given in the same moment

    def _pass_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


@dataclass(frozen=True)
class Throttles:
    """What the calls that share a process wait for. In Lambda each has its own, and finds every place free."""

    admission: Throttle = field(default_factory=lambda: Throttle(ADMITTED_AT_ONCE, PATIENCE_S))  #: before the admission
    look_up: Throttle = field(
        default_factory=lambda: Throttle(LOOKING_UP_AT_ONCE, PATIENCE_S)
    )  #: before a read of DynamoDB
    queue: Throttle = field(default_factory=lambda: Throttle(QUEUED_AT_ONCE, PATIENCE_S))  #: before the durable lane

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """Let others to the admission that need look up nothing, and wait for one's turn to look up."""
        self.admission.give_up()
        with self.look_up.taken():
            yield
