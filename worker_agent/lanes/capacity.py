"""Counts what of the durable lane may run at once: a share of its own, and what the express lane has free.

The share is the durable lane's whatever happens, so that no flood of callers who wait can starve what nobody waits for.
Beyond it the durable lane takes free places of the express lane, which are counted in Redis, where they are granted.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from worker_agent.errors import RedisUnavailableError


@dataclass(frozen=True)
class Grant:
    """Some places, all of one kind."""

    count: int
    borrowed: bool = False


class Capacity:
    """`share` places of the durable lane's own; `borrow` takes free express ones, `return_borrowed` returns them."""

    def __init__(self, share: int, borrow: Callable[[int], int], return_borrowed: Callable[[int], None]) -> None:
        self._free = share
        self._borrow = borrow
        self._return_borrowed = return_borrowed
        self._changed = threading.Condition()

    def take(self, most: int, patience_s: float) -> Grant:
        """Take up to `most` places: own ones, else borrowed ones, else own ones as soon as some are free; 0 if none."""
        own = self._take_own(most)
        if own:
            return Grant(own)
        if borrowed := self._borrowed(most):
            return Grant(borrowed, borrowed=True)
        self.wait(patience_s)
        return Grant(self._take_own(most))

    def release(self, grant: Grant) -> None:
        """Give places back."""
        if not grant.count:
            return
        if grant.borrowed:
            self._return(grant.count)
            return
        with self._changed:
            self._free += grant.count
            self._changed.notify()

    def wait(self, patience_s: float) -> None:
        """Wait until an own place is free, for a while."""
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
            return  # a Redis that comes back with its memory has these places as taken until the worker starts anew
