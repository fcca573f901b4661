"""Scans a deployment from inside: uploads an attacker function, runs it, judges what it saw.

`python -m security_tests.security_breakout [--json FILE]`, with HEARTH_URL and HEARTH_API_KEY in the environment.
It exits with 0 when all is well, 1 on a breach, 2 when it could not run, or could not judge everything.
"""

import argparse
import io
import json
import os
import signal
import sys
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from security_tests import judgement, report
from security_tests.deployment import Deployment
from security_tests.errors import ScanError
from security_tests.finding import Result, Status, worst

ATTACKER = Path(__file__).resolve().parent / "attacks" / "breakout" / "main.py"
EXIT_CODES = {Status.OK: 0, Status.BREACH: 1, Status.UNKNOWN: 2}
SENTENCES = {
    Status.OK: "No way out was found.",
    Status.BREACH: "A way out was found.",
    Status.UNKNOWN: "No way out was found, but not everything could be judged.",
}


def attacker_zip() -> bytes:
    """Give the attacker function as a zip to upload."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(ATTACKER, ATTACKER.name)
    return data.getvalue()


def deployment(environ: Mapping[str, str]) -> Deployment:
    """Give the deployment that the environment names; raise ScanError when a variable is missing."""
    for name in ("HEARTH_URL", "HEARTH_API_KEY"):
        if not environ.get(name):
            raise ScanError(f"{name} is not set: the scan needs HEARTH_URL and HEARTH_API_KEY.")
    return Deployment(environ["HEARTH_URL"], environ["HEARTH_API_KEY"])


def scan(target: Deployment) -> Any:
    """Give what the attacker function sees in a deployment; raise ScanError when it cannot be run."""
    with target.function(attacker_zip()) as name:
        observed = target.invoke(name)
    if not isinstance(observed, dict):
        raise ScanError(f"The attacker function answered {type(observed).__name__}, not an object.")
    return observed


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Scan, tell, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m security_tests.security_breakout", description="Scans a Hearth.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results as JSON")
    asked = parser.parse_args(arguments)
    try:
        target = deployment(environ)
        observed = scan(target)
        results = judgement.judge(observed)
        _say(report.table(results))
        if asked.json:
            _write(asked.json, results, target.url, observed)
    except ScanError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    _say(SENTENCES[worst(results)])
    return EXIT_CODES[worst(results)]


def _write(path: Path, results: Sequence[Result], url: str, observed: Any) -> None:
    value = report.as_json(results, url, datetime.now(UTC).isoformat(timespec="seconds"), observed)
    try:
        path.write_text(json.dumps(value, indent=1) + "\n")
    except OSError as error:
        raise ScanError(f"The results cannot be written: {error}.") from error


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stop(*_: object) -> NoReturn:
    """Unwind instead of dying on the spot: the attacker function must not stay behind in the deployment."""
    sys.exit(EXIT_CODES[Status.UNKNOWN])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    sys.exit(main(sys.argv[1:], os.environ))
