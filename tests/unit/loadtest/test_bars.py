"""When a bar is met, at its edge and one past it."""

from typing import Any

import pytest

from loadtest.reports.bars import judged
from tests.unit.loadtest.builders import group, load, scenario


def spread(**changed: float) -> dict[str, float]:
    return {"count": 9, "p50": 2.0, "p90": 3.0, "p95": 4.0, "p99": 5.0, "max": 6.0, **changed}


def met(*loads: dict[str, Any], **changed: Any) -> dict[str, bool]:
    return {row.what: row.met for row in judged([scenario(*loads, **changed)])}


@pytest.mark.parametrize(("p95", "is_met"), [(5.0, True), (5.01, False)])
def test_capacity_is_judged_by_its_overhead(p95: float, is_met: bool) -> None:
    found = met(load("capacity", callers={"users": group(overhead_ms=spread(p95=p95))}))

    assert found["capacity, overhead p95"] is is_met
    assert found["capacity, overhead p50"]


def test_one_answer_that_is_not_200_misses_a_bar_however_fast() -> None:
    found = met(load("capacity", callers={"users": group(statuses={"200": 900, "502": 1})}))

    assert not found["capacity: only status 200"]


def test_a_load_without_a_single_overhead_misses_its_bar() -> None:
    assert not met(load("capacity", callers={"users": group(overhead_ms=None)}))["capacity, overhead p50"]


@pytest.mark.parametrize(("p95", "is_met"), [(10.0, True), (10.5, False)])
def test_refusals_are_timed_apart_from_answers(p95: float, is_met: bool) -> None:
    latency = {"200": spread(p95=700.0), "429": spread(p95=p95)}
    users = group(statuses={"200": 5, "429": 4}, latency_ms=latency)

    found = met(load("stress, 1 s think time", callers={"users": users}))

    assert found == {
        "stress, 1 s think time: refusals, p95": is_met,
        "stress, 1 s think time: only status 200 and 429": True,
    }


@pytest.mark.parametrize(("floor", "is_met"), [(0.4, True), (0.39, False)])
def test_a_noop_is_held_against_the_bare_server_of_the_same_run(floor: float, is_met: bool) -> None:
    bare = load("noop bare, 1", callers={"clients": group(latency_ms={"200": spread(p50=floor)})})

    assert met(load("noop express, 1"), bare)["noop, 1 client, express, relative to the bare server"] is is_met


def test_a_bar_whose_peer_was_skipped_or_whose_load_was_not_run_has_no_row() -> None:
    skipped = {"name": "noop bare, 1", "target": "bare", "skipped": "it cannot be had"}

    assert met(load("noop express, 1"), skipped) == {}


@pytest.mark.parametrize(("engine", "is_met"), [(12.5, True), (12.6, False)])
def test_a_cold_storm_is_held_against_the_engines_own_rate(engine: float, is_met: bool) -> None:
    storm = load("cold storm", callers={"first_calls": group(calls=10, latency_ms={"200": spread(max=1000.0)})})

    assert met(storm, engine_starts_per_s=engine)["cold storm, starts"] is is_met


@pytest.mark.parametrize(("queue", "is_met"), [(56.5, True), (56.6, False)])
def test_of_a_cold_storm_the_calls_that_found_a_stem_are_judged_by_the_whole_call(queue: float, is_met: bool) -> None:
    fast = {"callers": "first_calls", "cold": True, "queue": queue, "start": 1.0, "run": 2.0, "rest": 0.5}
    slow = {**fast, "rest": 900.0}

    found = met(load("cold storm", phases=[slow, fast], found_stems=1), engine_starts_per_s=10.0)

    assert found["cold storm, calls that found a Stem (1), p95"] is is_met


@pytest.mark.parametrize(("refused", "is_met"), [(0, True), (1, False)])
def test_a_noisy_tenant_may_be_refused_and_a_quiet_one_may_not(refused: int, is_met: bool) -> None:
    quiet = group(statuses={"200": 9, **({"429": refused} if refused else {})})
    callers = {"ash_short": quiet, "noisy": group(statuses={"429": 900})}

    assert list(met(load("quiet beside noisy", callers=callers)).values()) == [is_met]


def test_a_soak_names_each_thing_that_has_grown() -> None:
    grown = {
        "own_memory_mb": {"early": 100, "late": 300, "flat": False},
        "containers": {"early": 4, "late": 4, "flat": True},
    }

    found = met(load("soak", growth=grown))

    assert (found["soak, own memory mb"], found["soak, containers"]) == (False, True)
    assert found["soak, calls of 'users' that failed"]
