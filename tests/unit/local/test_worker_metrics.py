"""Reading the worker's own metrics, as its Prometheus client writes them."""

from local.worker_metrics import read, stems_ready
from worker_agent.metrics import Metrics, Sources


def test_the_ready_stems_of_each_runtime_are_found_in_what_the_worker_serves() -> None:
    sources = Sources(lambda: {"python3.11": 2, "provided": 0}, dict, dict, lambda: 0, dict)

    assert stems_ready(Metrics(sources).text()) == {"python3.11": 2, "provided": 0}


def test_a_worker_that_does_not_answer_has_no_stem_ready() -> None:
    assert stems_ready(read("http://127.0.0.1:1/metrics")) == {}
