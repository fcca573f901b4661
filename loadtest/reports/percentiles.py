"""The one definition of a percentile that all reports share."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Returns a percentile by linear interpolation between the two nearest ranks; `values` need not be sorted.

    The smallest value is 0 %, the largest 100 %, the median 50 %: k6's summaries and numpy's default use the same
    definition, so figures from either can stand in one table. Raises ValueError when there are no values, or when
    `percent` is not within 0 to 100.
    """
    if not values:
        raise ValueError("there is no percentile of no values")
    if not 0 <= percent <= 100:
        raise ValueError(f"a percentile is within 0 to 100, not {percent}")
    ordered, rank = sorted(values), (len(values) - 1) * percent / 100
    below, above = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return below + (above - below) * (rank % 1)
