"""Computes which memory size would have been enough, and what it would save, from recent Usage."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.limits import MEMORY_MB
from shared_lua.contract import MIB, Charge, Usage

#: Memory that buys one whole core, as on Lambda.
MIB_PER_CORE = 1769
#: Sizes are advised in these steps, and with this much more than the highest peak seen.
STEP_MB = 64
HEADROOM_PERCENT = 20
#: Less than this is not worth being slower for, and may be rounding.
WORTH_PERCENT = 5
#: Fewer runs than this say too little.
MIN_RUNS = 10


@dataclass(frozen=True)
class MeasuredRun:
    """One run that is over, with its bill."""

    usage: Usage
    charge: Charge


@dataclass(frozen=True)
class Advice:
    """What recent runs say about a function's memory size. Lengths and money are per run, on average."""

    runs: int
    memory_mb: int  #: as it is
    peak_mb: int  #: the highest seen, rounded up
    enough_mb: int  #: the smallest size that holds the peak with headroom
    advised_mb: int  #: the cheapest size of those that hold it, as far as these runs tell
    run_us: int
    advised_run_us: int
    saved_pico_usd: int  #: 0 when the size is right as it is


def advise(runs: Sequence[MeasuredRun], memory_mb: int) -> Advice | None:
    """Return advice from runs at `memory_mb`; None when there are too few, or too few with an honest peak.

    CPU comes in proportion to memory, so a smaller size slows down functions that compute. A run is split into the CPU
    that it used, which stretches when its share shrinks, and waiting, which does not.
    """
    fit = [run for run in runs if run.usage.complete and run.charge.memory_mb == memory_mb]
    if len(fit) < MIN_RUNS:
        return None
    peak_mb = max(-(-run.usage.peak_memory_bytes // MIB) for run in fit)
    enough_mb = _round_up(peak_mb * (100 + HEADROOM_PERCENT) // 100)
    sizes = sorted({*range(enough_mb, max(enough_mb, memory_mb) + 1, STEP_MB), max(memory_mb, enough_mb)})
    cheapest_mb = min(sizes, key=lambda size: _cost(fit, size))
    saved = _cost(fit, memory_mb) - _cost(fit, cheapest_mb)
    advised_mb = cheapest_mb if saved * 100 >= _cost(fit, memory_mb) * WORTH_PERCENT else max(memory_mb, enough_mb)
    return Advice(
        runs=len(fit),
        memory_mb=memory_mb,
        peak_mb=peak_mb,
        enough_mb=enough_mb,
        advised_mb=advised_mb,
        run_us=sum(run.usage.run_us for run in fit) // len(fit),
        advised_run_us=sum(stretched_us(run.usage, memory_mb, advised_mb) for run in fit) // len(fit),
        saved_pico_usd=saved // len(fit) if advised_mb < memory_mb else 0,
    )


def stretched_us(usage: Usage, memory_mb: int, other_mb: int) -> int:
    """Give how long a run at `memory_mb` would have taken at `other_mb`, µs."""
    computing_us = min(usage.run_us, _wall_us(usage.cpu_us, memory_mb))
    return usage.run_us - computing_us + _wall_us(usage.cpu_us, other_mb)


def _wall_us(cpu_us: int, memory_mb: int) -> int:
    """Give the time that some CPU takes at a size's share of a core; one thread uses no more than one."""
    return cpu_us * MIB_PER_CORE // min(memory_mb, MIB_PER_CORE)


def _cost(runs: Sequence[MeasuredRun], size_mb: int) -> int:
    """Give what the runs would have cost at another size, in picodollars, by the prices they were charged at."""
    return sum(_cost_of(run, size_mb) for run in runs)


def _cost_of(run: MeasuredRun, size_mb: int) -> int:
    usage, charge = run.usage, run.charge
    length_us = stretched_us(usage, charge.memory_mb, size_mb)
    return charge.duration_pico_usd * length_us * size_mb // max(1, usage.run_us * charge.memory_mb)


def _round_up(memory_mb: int) -> int:
    return min(max(MEMORY_MB[0], -(-memory_mb // STEP_MB) * STEP_MB), MEMORY_MB[-1])
