"""What k6 is asked to send for `bench-api`, and what is read from its summary."""

from typing import Any

import pytest

from loadtest.benches.requests import Requests, plan, read
from loadtest.errors import LoadTestError


def requests(**changed: Any) -> Requests:
    values: dict[str, Any] = {"name": "one", "method": "POST", "url": "http://h/f", "headers": {"a": "b"}, "clients": 4}
    return Requests(**{**values, **changed})


def summary(dropped: int = 0, **count_by_status: int) -> dict[str, Any]:
    """k6's summary of requests named `one`: how many answers had which status (`s429=7`), each 5 or 9 ms long."""

    def lengths(count: int) -> dict[str, Any]:
        return {"type": "trend", "values": {"count": count, "med": 5.0, "p(95)": 9.0}}

    counts = {name.removeprefix("s"): count for name, count in count_by_status.items()}
    metrics = {f"answer_ms{{scenario:one,status:{status}}}": lengths(count) for status, count in counts.items()}
    metrics["answer_ms{scenario:one}"] = lengths(sum(counts.values()))
    if dropped:
        metrics["dropped_iterations{scenario:one}"] = {"type": "counter", "values": {"count": dropped, "rate": 1.0}}
    return {"metrics": metrics}


def test_requests_with_a_rate_are_sent_on_time_and_those_without_in_a_closed_loop() -> None:
    steady = requests(rate_per_s=300, starts_after_ms=25).scenario(0.5)
    loop = requests().scenario(2)

    assert (steady["executor"], steady["rate"], steady["timeUnit"]) == ("constant-arrival-rate", 300, "1s")
    assert (steady["duration"], steady["startTime"], steady["maxVUs"]) == ("500ms", "25ms", 4)
    assert (loop["executor"], loop["vus"], loop["duration"]) == ("constant-vus", 4, "2000ms")


def test_only_a_post_has_a_body() -> None:
    assert requests().request()["body"] == "{}"
    assert requests(method="GET").request()["body"] is None


def test_the_plan_has_k6_tell_all_requests_and_statuses_apart() -> None:
    planned = plan([requests(name="a"), requests(name="b", expected=429)], 1)

    assert planned["options"]["scenarios"].keys() == planned["calls"].keys() == {"a", "b"}
    assert {"answer_ms{scenario:a}", "answer_ms{scenario:b,status:429}", "answer_ms{scenario:b,status:0}"} <= set(
        planned["options"]["thresholds"]
    )
    assert {"dropped_iterations{scenario:a}", "dropped_iterations{scenario:b}"} <= set(planned["options"]["thresholds"])


def test_lengths_are_those_of_the_expected_status() -> None:
    metrics = summary(s429=300, s200=2)
    metrics["metrics"]["answer_ms{scenario:one,status:200}"]["values"] |= {"med": 70.0, "p(95)": 90.0}

    answers = read(metrics, requests(expected=429, rate_per_s=150), 2)

    assert (answers.p50_ms, answers.p95_ms, answers.per_s) == (5.0, 9.0, 150.0)


def test_a_closed_loops_last_answers_came_too_late_to_count() -> None:
    assert read(summary(s200=104), requests(clients=4), 10).per_s == 10.0
    assert read(summary(s200=3), requests(clients=4), 10).per_s == 0.0


def test_a_status_that_is_right_as_well_is_not_wrong() -> None:
    assert read(summary(s429=9, s200=1), requests(expected=429, also=200), 1).wrong == {}


def test_other_answers_are_wrong_and_told_by_status_and_so_are_those_that_never_came() -> None:
    answers = read(summary(s200=9, s503=2, s0=1, s418=3), requests(), 1)

    assert answers.wrong == {"503": 2, "0": 1, "?": 3}


def test_requests_that_were_not_sent_are_told() -> None:
    assert read(summary(s200=9, dropped=7), requests(), 1).dropped == 7
    assert read(summary(s200=9), requests(), 1).dropped == 0


@pytest.mark.parametrize("counts", [{"s429": 0, "s503": 5}, {"s503": 5}])
def test_without_an_expected_answer_there_is_no_figure(counts: dict[str, int]) -> None:
    with pytest.raises(LoadTestError, match="'one' was answered with 429"):
        read(summary(**counts), requests(expected=429), 1)
