"""The capacity of the durable lane: a share of its own, and what it borrows of the express lane's free capacity.

The share is reserved, so that no flood of synchronous calls can starve the asynchronous ones. Beyond it the durable
lane borrows from the express lane, whose capacity is counted in Redis, where the admission grants it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from worker_agent.errors import RedisUnavailableError


@dataclass(frozen=True)
class Grant:
    """Capacity for `count` runs, all of it borrowed or none."""

    count: int
    borrowed: bool = False


class Capacity:
    """Capacity for `share` runs, and what `borrow` takes of the express lane and `return_borrowed` returns to it."""

    def __init__(self, share: int, borrow: Callable[[int], int], return_borrowed: Callable[[int], None]) -> None:
        self._free = share
        self._borrow = borrow
        self._return_borrowed = return_borrowed
        self._changed = threading.Condition()

    def take(self, most: int, patience_s: float) -> Grant:
        """Take capacity for up to `most` runs: own, else borrowed, else what comes free in `patience_s`."""
        own = self._take_own(most)
        if own:
            return Grant(own)
        if borrowed := self._borrowed(most):
            return Grant(borrowed, borrowed=True)
        self.wait(patience_s)
        return Grant(self._take_own(most))

    def release(self, grant: Grant) -> None:
        """Return capacity."""
        if not grant.count:
            return
        if grant.borrowed:
            self._return(grant.count)
            return
        with self._changed:
            self._free += grant.count
            self._changed.notify()

    def wait(self, patience_s: float) -> None:
        """Wait until some of the share is free, for so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0, timeout=patience_s)

    def _take_own(self, most: int) -> int:
        with self._changed:
            taken = min(self._free, most)
            self._free -= taken
            return taken

    def _borrowed(self, most: int) -> int:
        try:
            return self._borrow(most)
        except RedisUnavailableError:
            return 0

    def _return(self, count: int) -> None:
        try:
            self._return_borrowed(count)
        except RedisUnavailableError:
            return  # a Redis that comes back with its memory counts them as taken until this worker restarts
