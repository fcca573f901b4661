"""The command line of the load tests: `python -m loadtest run [scenario …]`, `zips` and `list`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from loadtest import drive, k6, machine
from loadtest.errors import LoadTestError
from loadtest.progress import Progress
from loadtest.reports import bars, html_page
from loadtest.reports.table import Row, markdown
from loadtest.scenarios import zips
from loadtest.scenarios.model import Scenario
from loadtest.scenarios.registry import ALL, USUAL
from local.errors import StackError, StopRequested
from local.signals import StopSignal
from local.state import ROOT

OUT = ROOT / ".hearth" / "bench"
STATE = ROOT / ".hearth" / "loadtest"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Returns the parsed command line. Ends the process with a usage line when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description="Puts Hearth under load and measures it.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands.add_parser("run", help="run scenarios, each on a stack of its own, and write a report"))
    written = commands.add_parser("zips", help="write the zips that the k6 scripts deploy")
    written.add_argument("--out", type=Path, default=ROOT / "loadtest", help="the folder for them")
    commands.add_parser("list", help="list the scenarios")
    asked = parser.parse_args(arguments)
    if asked.command == "run":
        _check(parser, asked)
    return asked


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("scenario", nargs="*", help=f"one of {', '.join(ALL)}; without any: all but the soak")
    run.add_argument("--out", type=Path, default=OUT, help="the folder for the report, NAME.html and NAME.json")
    run.add_argument("--name", default="loadtest", help="the report's file name, without its extension")
    run.add_argument("--scale", type=float, default=1.0, help="below 1: shortens every load, to try things out")
    run.add_argument("--state-dir", type=Path, default=STATE, help="where the stacks keep their keys and logs")
    run.add_argument("--no-bars", action="store_true", help="exit with 0 even when a bar is missed")


def _check(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    unknown = [name for name in asked.scenario if name not in ALL]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(ALL)}")
    if not 0 < asked.scale <= 1:
        parser.error("--scale must be above 0, and 1 at most")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns the exit code: 1 when something failed or a bar was missed, 130 when stopped."""
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
        print("\n".join(f"{name:<10} {make(1.0).description}" for name, make in ALL.items()))
        return 0
    return _run(asked, [ALL[name](asked.scale) for name in asked.scenario or USUAL], arguments)


def _run(asked: argparse.Namespace, scenarios: Sequence[Scenario], arguments: Sequence[str]) -> int:
    progress = Progress(sum(load.lasts_s for scenario in scenarios for load in scenario.loads))
    try:
        measured = drive.run(scenarios, asked.state_dir, progress)
    finally:
        progress.close()
    rows = bars.judged(measured)
    print(f"\n{markdown(rows)}\n")
    for path in write(asked.out, asked.name, about(arguments), measured, rows):
        print(path)
    return 0 if asked.no_bars or all(row.met for row in rows) else 1


def about(arguments: Sequence[str]) -> dict[str, str]:
    """Returns what is needed to compare reports: when, on which machine, with which versions, by which command."""
    libraries = ("chalice", "granian", "moto", "boto3", "redis")
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine.described(),
        "versions": ", ".join(f"{name} {metadata.version(name)}" for name in libraries),
        "load generator": k6.version(),
        "command": " ".join(["python -m loadtest", *arguments]),
    }


def write(
    out: Path, name: str, facts: dict[str, str], measured: Sequence[dict[str, Any]], rows: Sequence[Row]
) -> list[Path]:
    """Writes the report, and its figures as JSON beside it. Returns both paths."""
    out.mkdir(parents=True, exist_ok=True)
    page, data = out / f"{name}.html", out / f"{name}.json"
    page.write_text(html_page.page(facts, measured, rows))
    figures = {"about": facts, "bars": [vars(row) for row in rows], "scenarios": list(measured)}
    data.write_text(json.dumps(figures, ensure_ascii=False, separators=(",", ":")) + "\n")
    return [page, data]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
