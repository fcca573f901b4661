"""Runs k6 on a plan and gives the samples; the only file that starts k6."""

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
#: k6 would tell its makers about each run.
QUIET = {"K6_NO_USAGE_REPORT": "true", "K6_CSV_TIME_FORMAT": "unix_micro", "K6_CSV_SAVE_INTERVAL": "1s"}
GRACE_S = 5.0
COMPLAINT = "complaint "
MOST_COMPLAINTS = 10


def k6() -> Path:
    """Give the k6 of this Python's environment; raise LoadTestError when it is not there."""
    found = Path(sys.executable).with_name("k6")
    if not found.exists():
        raise LoadTestError("k6 is missing: run `make setup`")
    return found


def version() -> str:
    """Give k6's own line about itself."""
    done = subprocess.run([k6(), "version"], capture_output=True, text=True, check=True, env={**os.environ, **QUIET})
    return done.stdout.strip()


@dataclass(frozen=True)
class Ran:
    """What came of a run: its samples, and of answers that were no answers some in their own words, each once."""

    samples: list[Sample]
    complaints: list[str]


def run(plan: Mapping[str, Any], tick: Callable[[float], None]) -> Ran:
    """Run k6 to its end, telling `tick` now and then how many seconds it has run; raise LoadTestError when it fails.

    Whatever ends us ends k6.
    """
    with tempfile.TemporaryDirectory(prefix="hearth-k6-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [
            str(k6()),
            "run",
            "--quiet",
            "--address",
            "",
            "--log-format",
            "raw",
            "--out",
            f"csv={folder / 'samples.csv'}",
        ]
        command += ["-e", f"PLAN={folder / 'plan.json'}", str(SCRIPT)]
        child = process.spawn(command, {**os.environ, **QUIET}, folder / "k6.log")
        try:
            code = _wait(child, tick)
        finally:
            process.end(child, GRACE_S)
        if code:
            raise LoadTestError(f"k6 ended with code {code}:\n{process.tail(folder / 'k6.log')}")
        with (folder / "samples.csv").open() as lines:
            found = list(samples.read(lines))
        return Ran(found, complaints((folder / "k6.log").read_text()))


def complaints(log: str) -> list[str]:
    """Give what `drive.js` complained of, each thing once, a few at most; ids make two of a kind differ."""
    said = (line.removeprefix(COMPLAINT) for line in log.splitlines() if line.startswith(COMPLAINT))
    return list({re.sub(r"[0-9a-f]{8}-?[0-9a-f-]{8,}", "…", line): None for line in said})[:MOST_COMPLAINTS]


def _wait(child: "subprocess.Popen[bytes]", tick: Callable[[float], None]) -> int:
    began = time.monotonic()
    while True:
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            tick(time.monotonic() - began)
