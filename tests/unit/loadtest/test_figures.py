"""How samples and records become figures."""

from loadtest.reports import figures
from loadtest.reports.samples import Metric, Sample
from tests.unit.loadtest.builders import call, overhead, record


def test_no_values_have_no_spread() -> None:
    assert figures.spread([]) is None


def test_each_group_of_callers_has_its_own_figures_and_refusals_are_apart_from_results() -> None:
    samples = [
        call(500, at_s=1.0), call(2, at_s=1.5, status=429), call(600, at_s=2.5), overhead(3.0),
        call(9, callers="others"), Sample(Metric.DROPPED, 1, "others", 4.0),
    ]  # fmt: skip

    found = figures.of_callers(samples)

    users, others = found["users"], found["others"]
    assert users["statuses"] == {"200": 2, "429": 1}
    assert (users["latency_ms"]["200"]["max"], users["latency_ms"]["429"]["p95"]) == (600, 2)
    assert users["overhead_ms"]["p50"] == 3.0
    assert users["per_s"] == 1.5  # three calls, from 0.5 s to 2.5 s
    assert (others["calls"], others["overhead_ms"], others["dropped"]) == (1, None, 4)


def test_an_error_is_counted_and_its_length_is_no_latency() -> None:
    samples = [call(10), call(1, status=404), call(30_000, status=502), call(0, status=0)]

    assert figures.of_callers(samples)["users"]["statuses"] == {"0": 1, "200": 1, "404": 1, "502": 1}
    assert list(figures.of_callers(samples)["users"]["latency_ms"]) == ["200"]
    [second] = figures.over_time(samples)
    assert (second["p50"], second["p99"], sum(second["statuses"].values())) == (10, 10, 4)
    assert figures.p95_over_time(samples) == {"users": [10]}
    assert sum(one["count"] for one in figures.histogram(samples)) == 1


def test_a_load_of_nothing_but_errors_has_no_latency_at_all() -> None:
    samples = [call(1, status=404), call(1, status=404)]

    assert figures.of_callers(samples)["users"]["latency_ms"] == {}
    assert [row["p95"] for row in figures.over_time(samples)] == [None]
    assert figures.p95_over_time(samples) == {"users": [None]}
    assert figures.histogram(samples) == []


def test_every_second_has_its_percentiles_and_statuses_and_an_idle_one_has_none() -> None:
    rows = figures.over_time([call(10, at_s=5.0), call(30, at_s=5.9), call(7, at_s=7.1)])

    assert [row["second"] for row in rows] == [0, 1, 2]
    assert (rows[0]["p50"], rows[0]["p95"], rows[0]["statuses"]) == (20, 29, {"200": 2})
    assert (rows[1]["p50"], rows[1]["statuses"]) == (None, {})
    assert rows[2]["p50"] == 7


def test_each_group_of_callers_has_its_own_line_over_the_same_seconds() -> None:
    samples = [call(10, at_s=5.0), call(900, at_s=6.5, callers="long"), call(20, at_s=7.9), call(20, at_s=7.5)]

    assert figures.p95_over_time(samples) == {"users": [10, None, 20], "long": [None, 900, None]}
    assert figures.p95_over_time([]) == {}


def test_a_histogram_holds_every_value_once_and_the_largest_in_its_last_bin() -> None:
    bins = figures.histogram([call(ms) for ms in (1.0, 1.1, 50.0, 1000.0)], bins=3)

    assert [one["count"] for one in bins] == [2, 1, 1]
    assert (bins[0]["from_ms"], bins[-1]["to_ms"]) == (1.0, 1000.0)
    assert all(bins[n]["to_ms"] == bins[n + 1]["from_ms"] for n in range(2))


def test_equal_values_and_no_values_have_a_histogram_too() -> None:
    assert [one["count"] for one in figures.histogram([call(3.0), call(3.0)])] == [2]
    assert figures.histogram([]) == []
    assert sum(one["count"] for one in figures.histogram([call(0.0), call(5.0)])) == 2


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
