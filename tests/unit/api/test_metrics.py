"""What the controller's process counts, as Prometheus reads it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import prometheus_client
import pytest
from chalicelib.operations.metrics import BUCKETS_S, CONTENT_TYPE, Metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    samples = [one for family in text_string_to_metric_families(metrics.text()) for one in family.samples]
    return {(one.name.removeprefix("hearth_api_"), *one.labels.values()): one.value for one in samples}


@pytest.mark.parametrize(("seconds", "bound"), [(0.0, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (30.0, "30.0")])
def test_an_answer_counts_in_the_first_bucket_that_holds_it_and_all_above(seconds: float, bound: str) -> None:
    metrics = Metrics()
    metrics.asked("rest")

    metrics.answered("rest", 200, seconds)

    found = figures(metrics)
    holding = [le for le in BUCKETS_S if found["answer_seconds_bucket", "rest", str(float(le))] == 1]
    assert str(float(holding[0])) == bound
    assert holding == list(BUCKETS_S)[-len(holding) :]
    assert found["answer_seconds_sum", "rest"] == pytest.approx(seconds)


def test_an_answer_that_took_longer_than_any_bound_is_in_the_last_bucket_alone() -> None:
    metrics = Metrics()
    metrics.asked("rest")

    metrics.answered("rest", 200, 31)

    found = figures(metrics)
    assert (found["answer_seconds_bucket", "rest", "30.0"], found["answer_seconds_bucket", "rest", "+Inf"]) == (
        0,
        1,
    )


def test_a_call_is_under_way_until_it_is_answered() -> None:
    metrics = Metrics()
    metrics.asked("rest")
    metrics.asked("rest")

    metrics.answered("rest", 202, 0.1)

    assert figures(metrics)["under_way", "rest"] == 1


def test_threads_count_together() -> None:
    metrics = Metrics()

    def call(_: int) -> None:
        metrics.asked("lambda")
        metrics.answered("lambda", 200, 0.01)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(2000)))

    found = figures(metrics)
    assert (found["answers_total", "lambda", "200"], found["under_way", "lambda"]) == (2000, 0)
    assert found["answer_seconds_count", "lambda"] == 2000


def test_the_format_is_what_prometheus_calls_it() -> None:
    assert CONTENT_TYPE == prometheus_client.CONTENT_TYPE_LATEST


def test_the_app_starts_without_prometheus() -> None:
    program = "import sys, app; print('prometheus_client' in sys.modules)"
    environment = {"PYTHONPATH": f"{ROOT}:."}

    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "api", env=environment, stdout=-1, check=True
    ).stdout

    assert said.strip() == b"False"
