"""The time in whole microseconds, as the values of the contract hold it."""

import time


def now_us() -> int:
    """Return the time of this host's wall clock, µs since the Unix epoch."""
    return time.time_ns() // 1000


def elapsed_us(began: float) -> int:
    """Return the time since `began`, a value of `time.monotonic()`, in µs."""
    return int((time.monotonic() - began) * 1_000_000)
