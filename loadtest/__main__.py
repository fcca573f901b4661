"""The command line of the load tests: `python -m loadtest run [scenario …]`, `zips` and `list`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loadtest import drive, k6_runner
from loadtest.benches.workload import Row, machine, table
from loadtest.errors import LoadTestError
from loadtest.progress import Bar
from loadtest.reports import bars, html_page
from loadtest.scenarios import zips
from loadtest.scenarios.model import Scenario
from loadtest.scenarios.registry import ALL, USUAL
from local.errors import StackError, StopRequested
from local.signals import StopSignal
from local.state import ROOT
from worker_agent.sandboxes import engine

OUT = ROOT / ".hearth" / "bench"
STATE = ROOT / ".hearth" / "loadtest"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Give the parsed command line; end the process with a usage line when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description="Hearth under load.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="runs scenarios, each on a stack of its own, and writes a report")
    run.add_argument("scenario", nargs="*", help=f"one of {', '.join(ALL)}; all but the soak unless named")
    run.add_argument("--out", type=Path, default=OUT, help="the folder for the report: NAME.html and NAME.json")
    run.add_argument("--name", default="loadtest", help="the report's file name, without its end")
    run.add_argument("--scale", type=float, default=1.0, help="less than 1 shortens every load, to try things out")
    run.add_argument("--state-dir", type=Path, default=STATE, help="where the stacks keep keys and logs")
    run.add_argument("--no-bars", action="store_true", help="exit with 0 whatever bar was missed")
    written = commands.add_parser("zips", help="writes the zips that go with the k6 scripts")
    written.add_argument("--out", type=Path, default=ROOT / "loadtest", help="the folder for them")
    commands.add_parser("list", help="says what there is to run")
    asked = parser.parse_args(arguments)
    unknown = [name for name in getattr(asked, "scenario", ()) if name not in ALL]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(ALL)}")
    if asked.command == "run" and not 0 < asked.scale <= 1:
        parser.error("--scale must be above 0, and 1 at most")
    return asked


def main(arguments: Sequence[str]) -> int:
    """Do what was asked and give the exit code: 1 when something failed or a bar was missed, 130 when stopped."""
    asked = parse(arguments)
    try:
        StopSignal().listen()
        return _do(asked, arguments)
    except (LoadTestError, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except StopRequested:
        return 130


def _do(asked: argparse.Namespace, arguments: Sequence[str]) -> int:
    if asked.command == "zips":
        print("\n".join(str(path) for path in zips.write(asked.out)))
        return 0
    if asked.command == "list":
        print("\n".join(f"{name:<10} {make(1.0).says}" for name, make in ALL.items()))
        return 0
    return _run(asked, [ALL[name](asked.scale) for name in asked.scenario or USUAL], arguments)


def _run(asked: argparse.Namespace, scenarios: Sequence[Scenario], arguments: Sequence[str]) -> int:
    bar = Bar(sum(load.lasts_s for scenario in scenarios for load in scenario.loads))
    try:
        measured = drive.run(scenarios, asked.state_dir, bar)
    finally:
        bar.close()
    rows = bars.judged(measured)
    print(f"\n{table(rows)}\n")
    for path in write(asked.out, asked.name, about(arguments), measured, rows):
        print(path)
    return 0 if asked.no_bars or all(row.met for row in rows) else 1


def about(arguments: Sequence[str]) -> dict[str, str]:
    """Give what a reader must know to compare: when, on what, with which versions, by which command."""
    libraries = ("chalice", "granian", "moto", "boto3", "redis")
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(engine.connect()),
        "versions": ", ".join(f"{name} {version(name)}" for name in libraries),
        "load generator": k6_runner.version(),
        "command": " ".join(["python -m loadtest", *arguments]),
    }


def write(
    out: Path, name: str, told: dict[str, str], measured: Sequence[dict[str, Any]], rows: Sequence[Row]
) -> list[Path]:
    """Write the report and the figures beside it, and give their paths."""
    out.mkdir(parents=True, exist_ok=True)
    page, data = out / f"{name}.html", out / f"{name}.json"
    page.write_text(html_page.page(told, measured, rows))
    figures = {"about": told, "bars": [vars(row) for row in rows], "scenarios": list(measured)}
    data.write_text(json.dumps(figures, ensure_ascii=False, separators=(",", ":")) + "\n")
    return [page, data]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
