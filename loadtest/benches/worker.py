"""`make bench-worker`: sandboxes, pool and meter against their bars.

Whatever is compared is measured side by side, in the same rounds; figures are medians over the rounds. It uses the
Docker Engine and nothing else. With `--out DIR` it also writes `worker.md`, `worker.json` and `worker.svg` there.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from loadtest import machine
from loadtest.benches import idle, kill_storm, metering, output, sandbox_bench, sandbox_calls
from loadtest.benches.sandbox_bench import SandboxBench
from loadtest.reports.bench_report import BenchReport
from loadtest.reports.table import Row

MEASUREMENTS: dict[str, Callable[[SandboxBench], list[Row]]] = {
    "warm calls": sandbox_calls.warm,
    "starts": sandbox_calls.starts,
    "usage readings": metering.readings,
    "bills": metering.bills,
    "idle sandboxes": idle.measured,
    "calls while sandboxes are killed": kill_storm.measured,
}


def main() -> int:
    """Measures everything, prints it, writes it where asked, and returns 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench-worker", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for worker.md, worker.json and worker.svg")
    out = parser.parse_args().out
    bench, rows = sandbox_bench.start("bench-worker"), []
    for name, measure in MEASUREMENTS.items():
        with sandbox_bench.cleaned(bench):
            rows += measure(bench)
        print(f"measured: {name}", file=sys.stderr)
    return output.finish(BenchReport("worker", machine.described(), rows, bench.lengths_ms), out)


if __name__ == "__main__":
    sys.exit(main())
