"""The time, as the use-cases read it. Builders pass these functions on, so that a test can replace them."""

import time


def now_s() -> int:
    """Give the time in whole seconds since the Unix epoch."""
    return int(time.time())


def now_us() -> int:
    """Give the time in microseconds since the Unix epoch."""
    return time.time_ns() // 1000
