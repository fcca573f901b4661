"""Polls until there is a result or time is up."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: The first pause, and the longest: each is twice the one before.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.25


def poll(look: Callable[[], T | None], for_s: float, longest_pause_s: float = LONGEST_PAUSE_S) -> T | None:
    """Return the first result of `look` that is not None; None after `for_s` seconds without one. Looks at least once.

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
