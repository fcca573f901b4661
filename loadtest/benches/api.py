"""`make bench-api`: refusals, the admission's script, large tenants and noisy neighbours against their bars.

It runs on a stack of its own. k6 sends the requests through the gateway, on the same machine. Whatever is compared is
measured in the same rounds; figures are medians over the rounds. With `--out DIR` it also writes `api.md`, `api.json`
and `api.svg` there.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from loadtest import k6, machine
from loadtest.benches import admission_script, neighbours, output, refusals, tenant_size
from loadtest.benches.api_bench import ApiBench
from loadtest.benches.own_stack import OwnStack, own_stack
from loadtest.errors import LoadTestError
from loadtest.reports.bench_report import BenchReport
from loadtest.reports.table import Row
from local.errors import StackError, StopRequested
from local.signals import StopSignal
from worker_agent.stores import redis_adapter

ROUNDS, SECONDS = 5, 5.0
LEAST_ROUNDS = 3

MEASUREMENTS: dict[str, Callable[[ApiBench], list[Row]]] = {
    "refusals": refusals.measured,
    "admit.lua": admission_script.measured,
    "large tenants": tenant_size.measured,
    "neighbours": neighbours.measured,
    "soundness": ApiBench.soundness,
}


def main() -> int:
    """Measures everything, prints it, writes it where asked, and returns 1 when a bar is missed."""
    asked = _parse()
    StopSignal().listen()
    try:
        with own_stack() as stack:
            return _measure(ApiBench(stack, asked.rounds, asked.seconds), asked.out)
    except (StackError, LoadTestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except StopRequested:
        return 130


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-api", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for api.md, api.json and api.svg")
    parser.add_argument("--rounds", type=_rounds, default=ROUNDS, help=f"{LEAST_ROUNDS} or more; default {ROUNDS}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each load; default {SECONDS:g}")
    return parser.parse_args()


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"a median needs {LEAST_ROUNDS} rounds or more")
    return rounds


def _measure(bench: ApiBench, out: Path | None) -> int:
    rows = []
    for name, measure in MEASUREMENTS.items():
        rows += measure(bench)
        print(f"measured: {name}", file=sys.stderr)
    return output.finish(BenchReport("api", _described(bench), rows, bench.lengths_ms), out)


def _described(bench: ApiBench) -> str:
    return (
        f"{machine.described()}, {_versions(bench.stack)}; {bench.rounds} rounds of {bench.seconds:g} s for each load"
    )


def _versions(stack: OwnStack) -> str:
    redis = redis_adapter.connect(stack.environ["HEARTH_REDIS_URL"]).info("server")["redis_version"]
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("chalice", "granian", "moto"))
    return f"Redis {redis}, {packages}, {k6.version()}"


if __name__ == "__main__":
    sys.exit(main())
