"""The k6 adapter with the real k6, on real servers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtest import k6
from loadtest.benches import requests
from loadtest.benches.requests import Requests
from loadtest.errors import LoadTestError
from loadtest.peers.running import peer
from loadtest.reports import figures
from loadtest.reports.percentiles import percentile
from loadtest.reports.samples import Metric
from loadtest.scenarios import zips
from loadtest.scenarios.executors import constant
from loadtest.scenarios.model import Callers, Load, Target
from loadtest.scenarios.plan import plan
from tests.integration.loadtest.deployed import KEY, deployed


def load(name: str, **event: Any) -> Load:
    callers = {"users": Callers(executor=constant(3, 1), function=name, event=event)}
    return Load(name="tried", callers=callers, lasts_s=1, target=Target.BARE)


def test_what_k6_measured_on_a_peer_becomes_overhead_beside_latency() -> None:
    seconds: list[float] = []
    with peer(Target.BARE, "heavy", zips.HEAVY) as url:
        ran = k6.run(plan(load("heavy", n=1, nap_s=0.05), "r", url, {None: "k"}), seconds.append)

    found = figures.of_callers(ran.samples)["users"]
    assert list(found["statuses"]) == ["200"]
    assert found["overhead_ms"]["count"] == found["calls"] > 10
    assert found["latency_ms"]["200"]["p50"] >= 50 > found["overhead_ms"]["p50"] > 0
    assert all(one.whole_ms > 50 for one in ran.samples if one.metric is Metric.OVERHEAD)
    assert seconds == sorted(seconds)
    assert seconds
    assert ran.complaints == []


def test_errors_are_quoted_once_and_have_no_latency() -> None:
    with deployed(fails=2) as server:
        ran = k6.run(plan(load("heavy", nap_s=0.01), "r", server.url, {None: KEY}), lambda _: None)

    found = figures.of_callers(ran.samples)["users"]
    assert ran.complaints == ['502 1502 {"error": "lost"}']
    assert found["statuses"].keys() == {"200", "502"}
    assert list(found["latency_ms"]) == ["200"]


def test_a_plan_that_k6_refuses_is_an_error_in_its_own_words() -> None:
    made = plan(load("heavy"), "r", "http://127.0.0.1:9", {None: "k"})
    made["options"]["scenarios"]["users"]["vus"] = 0

    with pytest.raises(LoadTestError, match="number of VUs"):
        k6.run(made, lambda _: None)


def test_equal_requests_are_timed_by_status_and_other_answers_are_counted() -> None:
    with deployed(fails=4) as server:
        url, headers = f"{server.url}/functions/heavy/invocations", {"x-api-key": KEY}
        sent = Requests(name="one", method="POST", url=url, headers=headers, clients=2, rate_per_s=40)
        answers = requests.send([sent], 1.0)["one"]

    assert answers.wrong == {"502": server.calls // 4}
    assert answers.per_s == server.calls - server.calls // 4
    assert 0 < answers.p50_ms <= answers.p95_ms


def test_k6_and_our_reports_mean_the_same_by_a_percentile(tmp_path: Path) -> None:
    values = [3.0, 14.5, 1.25, 8.0, 90.0, 6.5, 7.0]
    (tmp_path / "known.js").write_text(f"""
        import {{ Trend }} from 'k6/metrics';
        const known = new Trend('known');
        export const options = {{ summaryTrendStats: ['med', 'p(90)', 'p(95)', 'p(99)'] }};
        export default function () {{ for (const value of {values}) known.add(value); }}
        export function handleSummary(data) {{ return {{ stdout: JSON.stringify(data.metrics.known.values) }}; }}
    """)
    command = [str(k6.program()), "run", "--quiet", "--address", "", str(tmp_path / "known.js")]

    said = json.loads(subprocess.run(command, env=k6.ENVIRON, capture_output=True, check=True).stdout)

    assert [said[name] for name in ("med", "p(90)", "p(95)", "p(99)")] == pytest.approx(
        [percentile(values, percent) for percent in (50, 90, 95, 99)]
    )
