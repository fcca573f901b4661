"""Looks again and again until there is something to see or time is up; never knows at what."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: The first pause, and the longest: each is twice the one before.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.25


def poll(look: Callable[[], T | None], for_s: float, longest_pause_s: float = LONGEST_PAUSE_S) -> T | None:
    """Give what `look` gives as soon as that is not None; None when it never is in `for_s` seconds. Looks once or more.

    Raises what `look` raises.
    """
    until, pause_s = time.monotonic() + for_s, FIRST_PAUSE_S
    while (seen := look()) is None:
        left_s = until - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, longest_pause_s)
    return seen
