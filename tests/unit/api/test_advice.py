"""What recent runs say about a function's memory."""

import pytest
from chalicelib.invocations.advice import MIN_RUNS, Advice, MeasuredRun, advise, stretched_us

from shared_lua.contract import MIB, PeakScope, Usage
from worker_agent.runs.billing import Prices, charge

PRICES = Prices(gb_s_pico_usd=16_666_700, request_pico_usd=200_000, step_us=1)


def usage(run_us: int, cpu_us: int, peak_mb: int = 40, complete: bool = True) -> Usage:
    return Usage(
        queue_us=0,
        start_us=0,
        run_us=run_us,
        cpu_us=cpu_us,
        peak_memory_bytes=peak_mb * MIB,
        peak_scope=PeakScope.INVOCATION,
        cold=False,
        complete=complete,
    )


def runs(memory_mb: int, run_us: int, cpu_us: int, peak_mb: int = 40, count: int = MIN_RUNS) -> list[MeasuredRun]:
    return [MeasuredRun(usage(run_us, cpu_us, peak_mb), charge(run_us, memory_mb, PRICES))] * count


def given(of: list[MeasuredRun], memory_mb: int) -> Advice:
    advice = advise(of, memory_mb)
    assert advice
    return advice


def test_who_waits_is_advised_to_wait_in_less_memory_and_told_what_that_saves() -> None:
    advice = given(runs(1024, run_us=500_000, cpu_us=1_000), 1024)

    assert (advice.peak_mb, advice.enough_mb, advice.advised_mb) == (40, 64, 64)
    before, after = (charge(us, mb, PRICES) for us, mb in ((500_000, 1024), (advice.advised_run_us, 64)))
    saved = before.duration_pico_usd - after.duration_pico_usd
    assert advice.saved_pico_usd == pytest.approx(saved, rel=0.01)
    assert advice.advised_run_us < 530_000


def test_who_computes_gains_nothing_from_less_memory() -> None:
    computes = runs(1769, run_us=1_000_000, cpu_us=1_000_000)

    advice = given(computes, 1769)

    assert (advice.advised_mb, advice.saved_pico_usd) == (1769, 0)


def test_more_than_a_core_is_advised_against_for_one_thread() -> None:
    advice = given(runs(3538, run_us=1_000_000, cpu_us=1_000_000), 3538)

    assert advice.advised_mb <= 1769 + 64
    assert advice.saved_pico_usd > 0


def test_the_size_advised_always_holds_the_peak_with_headroom() -> None:
    advice = given(runs(1024, run_us=500_000, cpu_us=1_000, peak_mb=500), 1024)

    assert advice.enough_mb == 640
    assert advice.advised_mb >= 600


def test_a_peak_near_the_limit_asks_for_more_and_saves_nothing() -> None:
    advice = given(runs(128, run_us=500_000, cpu_us=1_000, peak_mb=125), 128)

    assert (advice.advised_mb, advice.saved_pico_usd) == (192, 0)


@pytest.mark.parametrize(("count", "is_given"), [(MIN_RUNS, True), (MIN_RUNS - 1, False)])
def test_too_few_runs_give_no_advice(count: int, is_given: bool) -> None:
    assert (advise(runs(128, 1000, 100, count=count), 128) is not None) is is_given


def test_runs_at_another_size_or_with_half_a_bill_do_not_count() -> None:
    half = [MeasuredRun(usage(1000, 100, complete=False), charge(1000, 128, PRICES))] * MIN_RUNS

    assert advise([*half, *runs(256, 1000, 100)], 128) is None


def test_waiting_does_not_stretch_and_computing_does() -> None:
    assert stretched_us(usage(run_us=1_000_000, cpu_us=0), 1769, 128) == 1_000_000
    assert stretched_us(usage(run_us=1_000_000, cpu_us=1_000_000), 1769, 1769 // 2) == pytest.approx(
        2_000_000, rel=0.01
    )
