"""How samples, records and readings become figures."""

import pytest

from loadtest.reports import figures
from loadtest.reports.samples import Metric, Sample
from tests.unit.loadtest.builders import call, overhead, reading, record


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (90, 9), (91, 10), (95, 10), (100, 10), (1, 1)])
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(percent: int, value: float) -> None:
    assert figures.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        figures.percentile([], 50)
    assert figures.spread([]) is None


def test_each_group_of_callers_is_told_by_itself_and_refusals_apart_from_answers() -> None:
    samples = [
        call(500, at_s=1.0), call(2, at_s=1.5, status=429), call(600, at_s=2.5), overhead(3.0),
        call(9, callers="others"), Sample(Metric.DROPPED, 1, "others", 4.0),
    ]  # fmt: skip

    found = figures.of_callers(samples)

    users, others = found["users"], found["others"]
    assert users["statuses"] == {"200": 2, "429": 1}
    assert (users["latency_ms"]["200"]["p95"], users["latency_ms"]["429"]["p95"]) == (600, 2)
    assert users["overhead_ms"]["p50"] == 3.0
    assert users["per_s"] == 1.5  # three calls, from 0.5 s to 2.5 s
    assert (others["calls"], others["overhead_ms"], others["dropped"]) == (1, None, 4)


def test_every_second_has_its_percentiles_and_statuses_and_an_idle_one_has_none() -> None:
    rows = figures.over_time([call(10, at_s=5.0), call(30, at_s=5.9), call(7, at_s=7.1, status=503)])

    assert [row["second"] for row in rows] == [0, 1, 2]
    assert (rows[0]["p50"], rows[0]["p95"], rows[0]["statuses"]) == (10, 30, {"200": 2})
    assert (rows[1]["p50"], rows[1]["statuses"]) == (None, {})
    assert rows[2]["statuses"] == {"503": 1}


def test_each_group_of_callers_has_its_own_line_over_the_same_seconds() -> None:
    samples = [call(10, at_s=5.0), call(900, at_s=6.5, callers="long"), call(20, at_s=7.9), call(30, at_s=7.5)]

    assert figures.p95_over_time(samples) == {"users": [10, None, 30], "long": [None, 900, None]}
    assert figures.p95_over_time([]) == {}


def test_a_histogram_holds_every_value_once_and_the_largest_in_its_last_bin() -> None:
    bins = figures.histogram([1.0, 1.1, 50.0, 1000.0], bins=3)

    assert [one["count"] for one in bins] == [2, 1, 1]
    assert (bins[0]["from_ms"], bins[-1]["to_ms"]) == (1.0, 1000.0)
    assert all(bins[n]["to_ms"] == bins[n + 1]["from_ms"] for n in range(2))


def test_equal_values_and_no_values_have_a_histogram_too() -> None:
    assert [one["count"] for one in figures.histogram([3.0, 3.0])] == [2]
    assert figures.histogram([]) == []
    assert sum(one["count"] for one in figures.histogram([0.0, 5.0])) == 2


def test_of_many_invocations_those_looked_at_are_spread_over_the_whole_load() -> None:
    samples = [overhead(1.0, f"i-{n}") for n in range(10)] + [overhead(1.0), call(1.0)]

    assert [one.invocation_id for one in figures.chosen(samples, 5)] == ["i-0", "i-2", "i-4", "i-6", "i-8"]
    assert len(figures.chosen(samples, 10)) == 10
    assert len(figures.chosen(samples, 11)) == 10


def test_what_the_record_does_not_explain_of_a_call_is_admission_and_answer() -> None:
    found = figures.phases(overhead(3.0, "i-1", whole_ms=10.0), record(queue=1, start=2, run=4, cold=True))

    assert found == {"callers": "users", "cold": True, "queue": 1, "start": 2, "run": 4, "rest": 3}


def test_a_clock_that_differs_a_little_makes_no_negative_phase() -> None:
    assert figures.phases(overhead(3.0, "i-1", whole_ms=2.9), record(queue=1, run=2))["rest"] == 0


def test_medians_of_phases_are_of_warm_and_cold_calls_apart() -> None:
    sample = overhead(1.0, "i-1", whole_ms=10)
    calls = [figures.phases(sample, record(run=run, cold=cold)) for run, cold in ((1, False), (3, False), (9, True))]

    found = figures.median_phases(calls)

    assert (found["warm"]["run"], found["cold"]["run"]) == (2, 9)
    assert list(figures.median_phases(calls[:1])) == ["warm"]


def test_cores_are_what_was_used_between_two_readings() -> None:
    rows = figures.usage([reading(100.0, cpu_s=5.0), reading(102.0, cpu_s=6.0, memory_mb=20, containers=3)])

    assert [(row["at_s"], row["parts"]["worker"]["cores"], row["host_cores"]) for row in rows] == [(2.0, 0.5, 1.0)]
    assert (rows[0]["own_memory_mb"], rows[0]["own_descriptors"], rows[0]["containers"]) == (20, 7, 3)


def test_readings_fall_into_before_during_and_after_a_load() -> None:
    rows = figures.usage([reading(float(n), cpu_s=float(n), memory_mb=n) for n in range(7)])

    found = figures.in_stages(rows, began_s=2.0, ended_s=5.0)

    assert [found[name]["memory_mb"] for name in ("before", "during", "after")] == [1.5, 4, 6]


@pytest.mark.parametrize(("late", "flat"), [(100, True), (110, True), (111, False), (50, True)])
def test_what_holds_a_tenth_more_at_the_end_of_a_soak_is_flat_and_more_is_not(late: int, flat: bool) -> None:
    rows = [{"redis_keys": count} for count in (0, 10, 100, 300, late)]

    assert figures.growth(rows, {"redis_keys": 5})["redis_keys"] == {"early": 100, "late": late, "flat": flat}


@pytest.mark.parametrize(("late", "flat"), [(9, True), (10, False)])
def test_of_few_things_a_few_more_are_flat_too(late: int, flat: bool) -> None:
    rows = [{"containers": count} for count in (0, 0, 4, 4, late)]

    assert figures.growth(rows, {"containers": 5})["containers"]["flat"] is flat


def test_a_soak_with_fewer_readings_than_fifths_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="five readings"):
        figures.growth([{"containers": 1}] * 4, {"containers": 1})
