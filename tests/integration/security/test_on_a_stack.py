"""`make security`: the scan from end to end, on a stack of its own of which nothing is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.process import bound
from security_tests import judgement
from tests.conftest import ROOT

pytestmark = pytest.mark.e2e


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A run whose temporary files are all in this folder; it is ended when the test fails."""
    with subprocess.Popen(
        [sys.executable, "-m", "security_tests.on_a_stack", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=bound(signal.SIGTERM),  # noqa: PLW1509  (a killed test run must not leave a stack behind)
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_a_stack_is_started_scanned_found_sound_and_taken_down(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    with running(temporary, "--json", str(tmp_path / "scan.json")) as process:
        told, _ = process.communicate(timeout=300)

    assert process.returncode == 0, told
    checks = json.loads((tmp_path / "scan.json").read_text())["checks"]
    assert {check["check"]: check["status"] for check in checks} == dict.fromkeys(judgement.CHECKS, "ok")
    assert list(temporary.iterdir()) == []


def test_stopped_half_way_it_takes_its_stack_down(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        assert process.stdout
        assert any(line.startswith("ready ") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=120)

    assert (process.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "stopped, nothing is left" in told
