"""What the agent counts, as Prometheus reads it."""

import urllib.error
import urllib.request

import pytest

from shared_lua.contract import Charge, Outcome, PeakScope, Settlement, Status, Usage
from tests.conftest import free_port
from worker_agent.metrics import BUCKETS_S, Metrics, PortTakenError, Sources


def settlement(status: Status = Status.SUCCEEDED, error_type: str | None = None, cold: bool = False) -> Settlement:
    usage = Usage(
        queue_us=2_000, start_us=4_000 if cold else 0, run_us=150, cpu_us=9, freeze_us=90, peak_memory_bytes=9,
        peak_scope=PeakScope.SANDBOX, cold=cold,
    )  # fmt: skip
    return Settlement(
        invocation_id="i-1",
        outcome=Outcome(status=status, payload="{}", error_type=error_type),
        attempt=1,
        settled_at_us=1,
        usage=usage,
        charge=Charge(billed_us=1000, memory_mb=128, duration_pico_usd=1, request_pico_usd=1),
    )


def figures(metrics: Metrics) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in metrics.text().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_an_end_is_counted_with_what_it_took_and_cost() -> None:
    metrics = Metrics()

    metrics.settled(settlement())
    metrics.settled(settlement(Status.FAILED, "Sandbox.Timedout", cold=True))

    found = figures(metrics)
    assert found['hearth_worker_outcomes_total{error_type="",status="succeeded"}'] == 1
    assert found['hearth_worker_outcomes_total{error_type="Sandbox.Timedout",status="failed"}'] == 1
    assert found["hearth_worker_billed_microseconds_total"] == 2000
    counts = {phase: found[f'hearth_worker_phase_seconds_count{{phase="{phase}"}}'] for phase in
              ("queue", "start", "run", "freeze")}  # fmt: skip
    assert counts == {"queue": 2, "start": 1, "run": 2, "freeze": 2}
    assert found['hearth_worker_phase_seconds_bucket{le="0.0001",phase="run"}'] == 0
    assert found['hearth_worker_phase_seconds_bucket{le="0.00025",phase="run"}'] == 2
    assert found['hearth_worker_phase_seconds_bucket{le="0.0001",phase="freeze"}'] == 2
    assert BUCKETS_S[0] == 0.0001


def test_what_is_settled_unrun_has_no_phases_and_no_bill() -> None:
    metrics = Metrics()
    outcome = Outcome(status=Status.ABANDONED, payload="{}", error_type="Hearth.EngineUnavailable", executed=False)

    metrics.settled(Settlement(invocation_id="i-1", outcome=outcome, attempt=1, settled_at_us=1))

    found = figures(metrics)
    assert found['hearth_worker_outcomes_total{error_type="Hearth.EngineUnavailable",status="abandoned"}'] == 1
    assert found["hearth_worker_billed_microseconds_total"] == 0
    assert found['hearth_worker_phase_seconds_count{phase="run"}'] == 0


def test_error_types_of_a_functions_making_are_one_label_however_many_there_are() -> None:
    metrics = Metrics()

    for n in range(1000):
        metrics.settled(settlement(Status.FAILED, f"Error{n}"))

    outcomes = {name: count for name, count in figures(metrics).items() if "outcomes" in name}
    assert outcomes == {'hearth_worker_outcomes_total{error_type="function",status="failed"}': 1000}


def test_what_others_keep_is_read_when_it_is_asked_for() -> None:
    takers = {("python3.11", True): 3, ("python3.11", False): 1}
    metrics = Metrics(
        Sources(lambda: {"python3.11": 2}, lambda: takers, lambda: {"idle": 4}, lambda: 7, lambda: {"reaper": 3})
    )
    takers["nodejs20.x", False] = 5
    metrics.deferred()
    metrics.nacked()

    found = figures(metrics)
    assert found['hearth_worker_stems_ready{runtime="python3.11"}'] == 2
    assert found['hearth_worker_stems_missed_total{runtime="python3.11"}'] == 1
    assert found['hearth_worker_stems_missed_total{runtime="nodejs20.x"}'] == 5
    assert found['hearth_worker_cold_starts_total{reason="stem ready"}'] == 3
    assert found['hearth_worker_cold_starts_total{reason="no stem"}'] == 6
    assert found['hearth_worker_slots{state="idle"}'] == 4
    assert found["hearth_worker_engine_calls_total"] == 7
    assert found['hearth_worker_thread_failures_total{thread="reaper"}'] == 3
    assert (found["hearth_worker_deferred_total"], found["hearth_worker_nacked_total"]) == (1, 1)


def test_they_are_served_on_loopback_until_it_closes() -> None:
    metrics, port = Metrics(), free_port()
    metrics.serve(port)

    with pytest.raises(PortTakenError, match=str(port)):
        Metrics().serve(port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        assert b"hearth_worker_outcomes" in reply.read()
    metrics.close()

    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_where_they_are_not_wanted_closing_does_nothing() -> None:
    Metrics().close()
