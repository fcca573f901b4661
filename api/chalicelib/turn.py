"""Lets one thread at a time do what is dear, as long as that does not take long; it guards nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """A queue in front of some work. Whoever waited for `patience_s` goes on beside whoever is at it."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn, within bounds, and have it for the length of a `with`."""
        is_alone = self._lock.acquire(timeout=self._patience_s)
        try:
            yield
        finally:
            if is_alone:
                self._lock.release()
