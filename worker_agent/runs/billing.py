"""Turns the length of a run into a Charge, in integers; nothing is rounded anywhere else."""

from dataclasses import dataclass

from shared_lua.contract import Charge

#: A price is per GiB-second: this many MiB-microseconds.
MIB_US_PER_GB_S = 1024 * 1_000_000


@dataclass(frozen=True)
class Prices:
    """The operator's prices, in picodollars (10⁻¹² USD). The length of a run is rounded up to `step_us`."""

    gb_s_pico_usd: int
    request_pico_usd: int
    step_us: int
    bills_starts: bool = False  #: whether the function's start is billed as part of the run it was made for


def charge(run_us: int, memory_mb: int, prices: Prices, start_us: int = 0) -> Charge:
    """Return the Charge for a run, lengths in µs; every division rounds up, so that no run is free."""
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
