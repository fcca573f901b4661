"""What the tries of one Invocation come to."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_lua.contract import Charge, Mode, Outcome, PeakScope, Settlement, Status, Usage
from tests.builders import invocation
from worker_agent.runs import tries

FAILED = Outcome(status=Status.FAILED, payload="{}", error_type="ValueError")


def settlement(**changed: Any) -> Settlement:
    usage = Usage(
        queue_us=10, start_us=20, run_us=30, cpu_us=40, peak_memory_bytes=50, peak_scope=PeakScope.INVOCATION, cold=True
    )
    charge = Charge(billed_us=1000, memory_mb=128, duration_pico_usd=7, request_pico_usd=8)
    values: dict[str, Any] = {"outcome": FAILED, "attempt": 1, "settled_at_us": 5, "usage": usage, "charge": charge}
    return Settlement(invocation_id="i-1", **(values | changed))


def test_the_pause_doubles_from_sixty_seconds() -> None:
    assert [tries.pause_s(made, 60) for made in (1, 2)] == [60, 120]


@pytest.mark.parametrize(("spare_us", "follows"), [(0, True), (-1, False)])
def test_a_try_follows_as_long_as_it_can_start_in_time_to_the_microsecond(spare_us: int, follows: bool) -> None:
    one = invocation(mode=Mode.ASYNC, retries=2)
    now_us = one.start_by_us - 120_000_000 - spare_us

    assert tries.may_follow(one, 2, FAILED, now_us, 60) is follows


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.QUEUED, Status.RUNNING, Status.FAILED}))
def test_nothing_but_the_functions_error_is_tried_again(status: Status) -> None:
    one = invocation(mode=Mode.ASYNC, retries=2)

    assert not tries.may_follow(one, 1, dataclasses.replace(FAILED, status=status), one.admitted_at_us, 0)


def test_as_many_tries_follow_the_first_as_there_are_retries() -> None:
    one = invocation(mode=Mode.ASYNC, retries=2)

    assert [tries.may_follow(one, made, FAILED, one.admitted_at_us, 0) for made in (1, 2, 3)] == [True, True, False]


def test_counters_add_up_peaks_do_not_and_doubt_stays() -> None:
    first = settlement()
    assert first.usage
    usage = dataclasses.replace(
        first.usage, queue_us=1000, peak_memory_bytes=40, peak_scope=PeakScope.SANDBOX, cold=False, complete=False
    )

    whole = tries.together(first, settlement(usage=usage))

    assert whole.usage == Usage(
        queue_us=950,
        start_us=40,
        run_us=60,
        cpu_us=80,
        peak_memory_bytes=50,
        peak_scope=PeakScope.SANDBOX,
        cold=True,
        complete=False,
    )


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=3))
def test_the_charge_is_the_sum_over_all_tries(billed: list[int]) -> None:
    one, *others = [
        settlement(charge=Charge(billed_us=n, memory_mb=128, duration_pico_usd=3 * n, request_pico_usd=8))
        for n in billed
    ]

    for other in others:
        one = tries.together(one, other)

    assert one.charge
    assert (one.tries, one.charge.billed_us, one.charge.memory_mb) == (len(billed), sum(billed), 128)
    assert one.charge.total_pico_usd == 3 * sum(billed) + 8 * len(billed)


def test_a_try_that_never_ran_adds_nothing_and_leaves_the_error_before_it() -> None:
    expired = Outcome(status=Status.EXPIRED, payload=None, executed=False)
    first = settlement()

    whole = tries.together(first, settlement(outcome=expired, usage=None, charge=None, attempt=6, settled_at_us=9))

    assert whole == dataclasses.replace(first, attempt=6, settled_at_us=9)
