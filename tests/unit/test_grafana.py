"""The Grafana dashboard names only metrics and labels that both halves serve."""

import json
import re
from typing import Any

import pytest
from chalicelib.operations.metrics import Metrics as ApiMetrics
from prometheus_client.parser import text_string_to_metric_families

from shared_lua.contract import Charge, Outcome, PeakScope, Settlement, Status, Usage
from tests.conftest import ROOT
from worker_agent.metrics import Metrics as WorkerMetrics
from worker_agent.metrics import Sources

DASHBOARD: dict[str, Any] = json.loads((ROOT / "infra" / "grafana" / "hearth.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def served() -> dict[str, set[str]]:
    """Every series' name that is served once each thing has happened, with its labels."""
    api = ApiMetrics()
    api.asked("rest")
    api.answered("rest", 200, 0.01)
    api.refused("CallerRateLimitExceeded")
    worker = WorkerMetrics(
        Sources(lambda: {"p": 1}, lambda: {("p", False): 1}, lambda: {"idle": 1}, lambda: 1, lambda: {"t": 1})
    )
    usage = Usage(
        queue_us=1, start_us=1, run_us=1, cpu_us=1, freeze_us=1, peak_memory_bytes=1,
        peak_scope=PeakScope.SANDBOX, cold=True,
    )  # fmt: skip
    worker.settled(
        Settlement(
            invocation_id="i-1",
            outcome=Outcome(status=Status.SUCCEEDED, payload="{}"),
            attempt=1,
            settled_at_us=1,
            usage=usage,
            charge=Charge(billed_us=1, memory_mb=128, duration_pico_usd=1, request_pico_usd=1),
        )
    )
    names: dict[str, set[str]] = {}
    for text in (api.text(), worker.text()):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                names.setdefault(sample.name, set()).update(sample.labels)
    return names


SERVED = served()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_panel_asks_for_what_is_served_and_by_labels_that_it_has(expression: str) -> None:
    [name] = set(re.findall(r"hearth_\w+", expression))

    assert name in SERVED
    for labels in re.findall(r"by \(([\w, ]+)\)", expression):
        assert set(labels.split(", ")) <= SERVED[name] | {"instance"}  # Prometheus adds the instance


def test_a_legend_names_only_labels_that_the_sum_keeps() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            kept = {label for labels in re.findall(r"by \(([\w, ]+)\)", target["expr"]) for label in labels.split(", ")}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {re.sub(r"_bucket$", "", name) for name in re.findall(r"hearth_\w+", " ".join(EXPRESSIONS))}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SERVED if "process_" not in name}

    assert ours - shown == set()


def test_every_metric_of_the_alarms_is_served() -> None:
    named = set(re.findall(r"hearth_\w+", (ROOT / "docs" / "alarms.md").read_text()))

    assert named
    assert named <= SERVED.keys()


def test_panels_do_not_lie_on_each_other() -> None:
    cells = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]

    assert len(cells) == len(set(cells)) == len({panel["id"] for panel in DASHBOARD["panels"]})
