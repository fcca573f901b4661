"""Runs k6 on a plan; the only module that starts k6. It knows nothing of Hearth.

k6 does not queue by itself. Each of its clients has a connection and waits there for its answer. At a fixed rate a
request is sent when it is due, whatever became of the earlier ones; when no client is free it is counted as dropped
and not sent later. k6 is a process of its own, so it never waits for this Python's lock.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.reports import samples
from loadtest.reports.samples import Sample
from local import process

SCRIPT = Path(__file__).with_name("drive.js")
#: Without the first of these k6 reports each run to its makers.
ENVIRON = {"K6_NO_USAGE_REPORT": "true", "K6_CSV_TIME_FORMAT": "unix_micro", "K6_CSV_SAVE_INTERVAL": "1s"}
GRACE_S = 5.0
COMPLAINT = "complaint "
MOST_COMPLAINTS = 10

#: Told now and then for how many seconds k6 has run.
Tick = Callable[[float], None]


def program() -> Path:
    """Returns the k6 of this Python's environment. Raises LoadTestError when it is not there."""
    found = Path(sys.executable).with_name("k6")
    if not found.exists():
        raise LoadTestError("k6 is missing: run `make setup`")
    return found


def version() -> str:
    """Returns k6's name and version."""
    return process.output([str(program()), "version"], {**os.environ, **ENVIRON}).split(" (")[0].strip()


@dataclass(frozen=True)
class Result:
    """What came of a run: k6's summary, its samples where they were asked for, and what `drive.js` complained of."""

    summary: Mapping[str, Any]
    samples: list[Sample]
    complaints: list[str]


def summary(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs k6 to its end and returns its summary. Raises LoadTestError when k6 fails."""
    return _run(plan, sampled=False, tick=_silent).summary


def run(plan: Mapping[str, Any], tick: Tick) -> Result:
    """Runs k6 to its end and returns every sample as well. Raises LoadTestError when k6 fails."""
    return _run(plan, sampled=True, tick=tick)


def _silent(_seconds: float) -> None:
    return


def _run(plan: Mapping[str, Any], *, sampled: bool, tick: Tick) -> Result:
    with tempfile.TemporaryDirectory(prefix="hearth-k6-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps(plan))
        code = _finish(_start(folder, sampled=sampled), tick)
        if code:
            raise LoadTestError(f"k6 ended with code {code}:\n{process.tail(folder / 'k6.log')}")
        return _result(folder)


def _start(folder: Path, *, sampled: bool) -> "subprocess.Popen[bytes]":
    command = [str(program()), "run", "--quiet", "--address", "", "--log-format", "raw"]
    command += ["--out", f"csv={folder / 'samples.csv'}"] if sampled else []
    command += ["-e", f"PLAN={folder / 'plan.json'}", "-e", f"SUMMARY={folder / 'summary.json'}", str(SCRIPT)]
    return process.spawn(command, {**os.environ, **ENVIRON}, folder / "k6.log")


def _finish(child: "subprocess.Popen[bytes]", tick: Tick) -> int:
    """Waits for k6 and returns its exit code. An exception meanwhile, such as Ctrl-C, ends k6 too."""
    began = time.monotonic()
    try:
        while True:
            try:
                return child.wait(0.5)
            except subprocess.TimeoutExpired:
                tick(time.monotonic() - began)
    finally:
        process.end(child, GRACE_S)


def _result(folder: Path) -> Result:
    found, csv = [], folder / "samples.csv"
    if csv.exists():
        with csv.open() as lines:
            found = list(samples.read(lines))
    summary = json.loads((folder / "summary.json").read_text())
    return Result(summary, found, complaints((folder / "k6.log").read_text()))


def complaints(log: str) -> list[str]:
    """Returns what `drive.js` complained of: a few at most, and each kind once, whatever ids are in it."""
    said = (line.removeprefix(COMPLAINT) for line in log.splitlines() if line.startswith(COMPLAINT))
    return list({re.sub(r"[0-9a-f]{8}-?[0-9a-f-]{8,}", "…", line): None for line in said})[:MOST_COMPLAINTS]
