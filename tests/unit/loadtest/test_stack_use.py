"""How readings of a stack become what it used, and what has grown in a soak."""

import pytest

from loadtest.reports import stack_use
from tests.unit.loadtest.builders import reading


def test_cores_are_what_was_used_between_two_readings() -> None:
    rows = stack_use.usage([reading(100.0, cpu_s=5.0), reading(102.0, cpu_s=6.0, memory_mb=20, containers=3)])

    assert [(row["at_s"], row["parts"]["worker"]["cores"], row["host_cores"]) for row in rows] == [(2.0, 0.5, 1.0)]
    assert (rows[0]["own_memory_mb"], rows[0]["own_descriptors"], rows[0]["containers"]) == (20, 7, 3)


def test_readings_fall_into_before_during_and_after_a_load() -> None:
    rows = stack_use.usage([reading(float(n), cpu_s=float(n), memory_mb=n) for n in range(7)])

    found = stack_use.in_stages(rows, began_s=2.0, ended_s=5.0)

    assert [found[name]["memory_mb"] for name in ("before", "during", "after")] == [1.5, 4, 6]


@pytest.mark.parametrize(("late", "flat"), [(100, True), (110, True), (111, False), (50, True)])
def test_a_figure_that_is_a_tenth_higher_at_the_end_of_a_soak_is_flat_and_more_is_not(late: int, flat: bool) -> None:
    rows = [{"redis_keys": count} for count in (0, 10, 100, 300, late)]

    assert stack_use.growth(rows, {"redis_keys": 5})["redis_keys"] == {"early": 100, "late": late, "flat": flat}


@pytest.mark.parametrize(("late", "flat"), [(9, True), (10, False)])
def test_of_few_things_a_few_more_are_flat_too(late: int, flat: bool) -> None:
    rows = [{"containers": count} for count in (0, 0, 4, 4, late)]

    assert stack_use.growth(rows, {"containers": 5})["containers"]["flat"] is flat


def test_a_soak_with_fewer_readings_than_fifths_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="five readings"):
        stack_use.growth([{"containers": 1}] * 4, {"containers": 1})
