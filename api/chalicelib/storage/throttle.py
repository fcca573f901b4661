"""Fair semaphores with patience: a few threads at a time do what costs CPU, in the order in which they came.

They order work and guard nothing: a thread that has waited for its patience goes on beside the others.
"""

import threading
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

#: How long a thread waits for its permit, s. What it waits for takes milliseconds, unless AWS or Redis is slow.
PATIENCE_S = 1.0


class Throttle:
    """A fair semaphore with so many permits. A thread that finds one free pays less than 1 µs."""

    def __init__(self, permits: int, patience_s: float = PATIENCE_S) -> None:
        self._free = permits
        self._patience_s = patience_s
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a permit, up to the patience, and hold it for the length of a `with`."""
        has_permit = self._take()
        try:
            yield
        finally:
            if has_permit:
                self._release()

    def _take(self) -> bool:
        """Wait for a permit; False when none came in time."""
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

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class ThrottleByKey:
    """A Throttle of one permit for each key, kept only while some thread holds or waits for it.

    A thread that waited for another one of the same key finds what that one has read, and need not read it again.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._throttles: dict[Hashable, Throttle] = {}
        self._threads: dict[Hashable, int] = {}

    @contextmanager
    def taken(self, key: Hashable) -> Iterator[None]:
        """Wait for the key's permit, up to the patience, and hold it for the length of a `with`."""
        with self._lock:
            throttle = self._throttles.setdefault(key, Throttle(1, self._patience_s))
            self._threads[key] = self._threads.get(key, 0) + 1
        try:
            with throttle.taken():
                yield
        finally:
            self._forget(key)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._threads[key] -= 1
            if not self._threads[key]:
                del self._threads[key], self._throttles[key]
