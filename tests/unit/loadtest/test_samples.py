"""How k6's CSV is read."""

import pytest

from loadtest.reports.samples import Metric, Sample, read

HEAD = "metric_name,timestamp,metric_value,error_code,scenario,status,extra_tags,metadata"


def test_a_calls_latency_comes_with_its_status_and_a_lost_ones_with_none() -> None:
    lines = [HEAD, "http_req_duration,17,2.5,,users,200,,", "http_req_duration,18,0,1212,users,,,"]

    assert list(read(lines)) == [
        Sample(Metric.LATENCY, 17, "users", 2.5, 200),
        Sample(Metric.LATENCY, 18, "users", 0.0, 0),
    ]


def test_an_overhead_names_its_invocation_and_the_whole_call() -> None:
    [sample] = read([HEAD, "overhead,17,1.5,,users,,,id=i-1&whole_ms=9.25"])

    assert (sample.invocation_id, sample.whole_ms, sample.status) == ("i-1", 9.25, 0)


def test_looks_at_a_record_and_other_metrics_are_no_calls() -> None:
    lines = [HEAD, "http_req_duration,17,2.5,,users,200,look=1,", "vus,17,5,,,,,", "data_sent,17,5,,users,,,"]

    assert list(read(lines)) == []


@pytest.mark.parametrize(
    ("status", "answered"), [(200, True), (202, True), (429, True), (0, False), (404, False), (502, False)]
)
def test_a_result_and_a_refusal_are_answers_and_an_error_is_none(status: int, answered: bool) -> None:
    assert Sample(Metric.LATENCY, 17, "users", 2.5, status).answered is answered
    assert not Sample(Metric.OVERHEAD, 17, "users", 2.5, status).answered
