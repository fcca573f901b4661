"""Measures usage readings, and holds the kernel's figures against functions that use a known amount."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.benches.cgroup_files import cgroup_file
from loadtest.benches.sandbox_bench import SandboxBench
from loadtest.benches.workload import NOOP, elapsed_s, invocation, median_ms
from loadtest.reports.table import Row
from shared_lua.contract import MIB

ROUNDS = 7
READINGS_A_ROUND, REOPENED_A_ROUND = 500, 50
BILLED_RUNS = 5

BURN = "import time\ndef handler(e, c):\n b = time.process_time()\n while time.process_time() - b < 0.5: pass\n"
ALLOCATE = "def handler(e, c):\n held = bytearray(100 << 20)\n"
WRITE = "def handler(e, c):\n open('/tmp/x', 'wb').write(b'x' * (50 << 20))\n"


def readings(bench: SandboxBench) -> list[Row]:
    """Measures a full usage reading, the engine's own statistics, and two counters whose files are opened each time."""
    sandbox = bench.sandbox()
    files = [
        cgroup_file(bench.pid(sandbox), "cpuacct", "cpuacct.usage", "cpu.stat"),
        cgroup_file(bench.pid(sandbox), "memory", "memory.max_usage_in_bytes", "memory.peak"),
    ]
    ours, reopened = [], []
    with bench.cgroup(sandbox) as cgroup:
        for _ in range(ROUNDS):
            ours += [elapsed_s(cgroup.read) for _ in range(READINGS_A_ROUND)]
            reopened += [elapsed_s(lambda: _read_anew(*files)) for _ in range(REOPENED_A_ROUND)]
    default, one_shot = bench.docker_stats_s(sandbox), bench.docker_stats_s(sandbox, one_shot=True)
    sandbox.destroy("measured")
    bench.lengths_ms |= {"usage reading": median_ms(ours), "docker stats": median_ms(default)}
    return _reading_rows(median_ms(ours) * 1000, median_ms(reopened) * 1000, median_ms(default), median_ms(one_shot))


def _read_anew(*paths: Path) -> None:
    for path in paths:
        path.read_bytes()


def _reading_rows(us: float, reopened_us: float, stats_ms: float, one_shot_ms: float) -> list[Row]:
    stats = f"docker stats {stats_ms:.1f} ms: {stats_ms * 1000 / us:.0f} times; one-shot {one_shot_ms:.1f} ms"
    return [
        Row("one full usage reading", f"{us:.1f} µs ({stats})", "≤ 10 µs", us <= 10),
        Row(
            "two counters, opened for each reading",
            f"{reopened_us:.1f} µs",
            "more than a full reading",
            reopened_us > us,
        ),
    ]


def bills(bench: SandboxBench) -> list[Row]:
    """Holds the kernel's figures against functions that burn, allocate and write a known amount."""
    burnt = _error(bench, BURN, lambda ran: ran.cpu_us, 500_000)
    held = _memory_error(bench, ALLOCATE, 100 * MIB)
    written = _memory_error(bench, WRITE, 100 * MIB)
    return [
        _within_2_percent("bill of a function that burns 0.5 s of CPU", burnt),
        _within_2_percent("bill of 100 MiB allocated", held),
        _within_2_percent("bill of 50 MiB in memory written to /tmp", written),
    ]


def _within_2_percent(what: str, error: float) -> Row:
    return Row(what, f"{error:+.2%}", "within 2 %", abs(error) <= 0.02)


def _error(bench: SandboxBench, source: str, figure: Callable[[Any], int], expected: int) -> float:
    """Returns by which share a figure of a run is off `expected`; the median of several runs."""
    return statistics.median(_ran(bench, source, figure) / expected - 1 for _ in range(BILLED_RUNS))


def _memory_error(bench: SandboxBench, source: str, expected: int) -> float:
    """Does the same for the memory that a function takes beyond what a sandbox takes that does nothing."""
    return statistics.median(
        (_ran(bench, source, _peak) - _ran(bench, NOOP, _peak)) / expected - 1 for _ in range(BILLED_RUNS)
    )


def _peak(ran: Any) -> int:
    return int(ran.peak_memory_bytes)


def _ran(bench: SandboxBench, source: str, figure: Callable[[Any], int]) -> int:
    sandbox = bench.sandbox(source)
    found = figure(sandbox.invoke(invocation(sandbox.version), b"{}"))
    sandbox.destroy("measured")
    return found
