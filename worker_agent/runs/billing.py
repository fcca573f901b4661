"""Turns a run's length into a Charge: pure integer arithmetic, and the one place that rounds."""

from dataclasses import dataclass

from shared_lua.contract import Charge

#: A price is per GiB-second: this many MiB-microseconds.
MIB_US_PER_GB_S = 1024 * 1_000_000


@dataclass(frozen=True)
class Prices:
    """What the operator asks, in picodollars (10⁻¹² USD), and for what: a run's length is rounded up to `step_us`."""

    gb_s_pico_usd: int
    request_pico_usd: int
    step_us: int
    bills_starts: bool = False  #: whether a function's own start is billed as part of the run it was for


def charge(run_us: int, memory_mb: int, prices: Prices, start_us: int = 0) -> Charge:
    """Give the Charge for a run, lengths in µs; every division rounds up, so nothing runs for free."""
    billable_us = run_us + (start_us if prices.bills_starts else 0)
    billed_us = _divide_up(billable_us, prices.step_us) * prices.step_us
    duration = _divide_up(billed_us * memory_mb * prices.gb_s_pico_usd, MIB_US_PER_GB_S)
    return Charge(
        billed_us=billed_us,
        memory_mb=memory_mb,
        duration_pico_usd=duration,
        request_pico_usd=prices.request_pico_usd,
    )


def _divide_up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
