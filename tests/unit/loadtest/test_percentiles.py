"""The one percentile, held against Python's statistics and NumPy's published definition."""

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.reports.percentiles import percentile

VALUES = st.lists(st.floats(min_value=-1e9, max_value=1e9), min_size=1, max_size=60)
UNTIMED = settings(deadline=None)  # a busy machine is not a wrong percentile
MANY = st.lists(st.floats(min_value=0, max_value=1e6), min_size=2, max_size=60)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7], 50, 4),
        ([1, 2, 3, 4], 50, 2.5),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 95, 9.55),  # what numpy.percentile and k6 give
        ([3], 99, 3),
        ([5, 1], 0, 1),
        ([5, 1], 100, 5),
    ],
)
def test_a_percentile_lies_between_the_two_nearest_ranks(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


@UNTIMED
@given(MANY)
def test_every_percent_is_what_the_statistics_module_says(values: list[float]) -> None:
    reference = statistics.quantiles(values, n=100, method="inclusive")

    assert [percentile(values, percent) for percent in range(1, 100)] == pytest.approx(reference, abs=1e-6)


@UNTIMED
@given(VALUES)
def test_the_fiftieth_is_the_median_and_the_ends_are_the_smallest_and_the_largest(values: list[float]) -> None:
    found = [percentile(values, percent) for percent in (0, 50, 100)]

    assert found == pytest.approx([min(values), statistics.median(values), max(values)], abs=1e-6)


@UNTIMED
@given(VALUES, st.floats(0, 100), st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(values: list[float], percent: float, chance: random.Random) -> None:
    shuffled = chance.sample(values, len(values))

    assert percentile(shuffled, percent) == percentile(values, percent)


@UNTIMED
@given(VALUES, st.floats(0, 100), st.floats(0, 100))
def test_a_higher_percent_is_never_a_lower_value(values: list[float], one: float, other: float) -> None:
    low, high = sorted([one, other])

    assert percentile(values, low) <= percentile(values, high) + 1e-6


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percent_beyond_the_scale_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="within 0 to 100"):
        percentile([1.0], percent)
