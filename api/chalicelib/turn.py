"""Lets a few threads at a time do what is dear, in the order they came, as long as that does not take long.

It guards nothing: whoever has waited for its patience goes on beside those that are at it.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
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
