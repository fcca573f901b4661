"""What Settlements add up to."""

import pytest

from shared_lua.contract import Charge, Outcome, PeakScope, Settlement, Status, Usage
from shared_lua.daily_usage import DailyUsage, daily_usage_of, day_of

DAY_US = 86_400_000_000


def settled(status: Status, *, billed: bool = True) -> Settlement:
    usage = Usage(
        queue_us=1, start_us=2, run_us=3, cpu_us=900, peak_memory_bytes=4, peak_scope=PeakScope.SANDBOX, cold=False
    )
    charge = Charge(billed_us=2000, memory_mb=128, duration_pico_usd=10, request_pico_usd=200)
    return Settlement(
        invocation_id="i",
        outcome=Outcome(status=status, payload="1"),
        attempt=1,
        settled_at_us=0,
        usage=usage if billed else None,
        charge=charge if billed else None,
    )


@pytest.mark.parametrize(
    ("status", "billed", "expected"),
    [
        (Status.SUCCEEDED, True, DailyUsage(invocations=1, billed_mb_us=256_000, cpu_us=900, charge_pico_usd=210)),
        (
            Status.FAILED,
            True,
            DailyUsage(invocations=1, errors=1, billed_mb_us=256_000, cpu_us=900, charge_pico_usd=210),
        ),
        (Status.EXPIRED, False, DailyUsage(invocations=1, unserved=1)),
        (Status.ABANDONED, False, DailyUsage(invocations=1, unserved=1)),
    ],
)
def test_a_settlement_adds_what_it_took_and_cost_and_how_it_ended(
    status: Status, billed: bool, expected: DailyUsage
) -> None:
    assert daily_usage_of(settled(status, billed=billed)) == expected


def test_sums_add_up_field_by_field() -> None:
    failed = daily_usage_of(settled(Status.FAILED))

    assert failed + failed + DailyUsage() == DailyUsage(
        invocations=2, errors=2, billed_mb_us=512_000, cpu_us=1800, charge_pico_usd=420
    )


@pytest.mark.parametrize(("at_us", "day"), [(DAY_US - 1, "1970-01-01"), (DAY_US, "1970-01-02")])
def test_a_day_ends_at_midnight_in_utc(at_us: int, day: str) -> None:
    assert day_of(at_us) == day
