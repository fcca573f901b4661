"""A token bucket of this one process, used only while Redis cannot count for all of them."""

import threading
from collections.abc import Callable


class LocalBucket:
    """Holds `burst` tokens at most and gains `rate_per_s` tokens a second. Safe for threads."""

    def __init__(self, rate_per_s: int, burst: int, monotonic_s: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._monotonic_s = monotonic_s
        self._tokens = float(burst)
        self._counted_s = monotonic_s()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        with self._lock:
            now_s = self._monotonic_s()
            self._tokens = min(self._burst, self._tokens + (now_s - self._counted_s) * self._rate_per_s)
            self._counted_s = now_s
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
