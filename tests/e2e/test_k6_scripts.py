"""Both k6 scripts, as README has them run, against a whole stack with a low limit for each address."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import k6
from loadtest.scenarios import zips
from tests.conftest import ROOT
from tests.e2e.conftest import Stack, running_stack

SHORT = {"RAMP_S": "1", "RISE_S": "1", "FALL_S": "1", "USERS": "3", "FIRST_USERS": "2", "NAP_S": "0.1"}
PATIENT = {"P95_MS": "20000", "OVERHEAD_P95_MS": "20000"}  # this is not about speed
ABORTED = 108  # k6's exit code


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("limited") / "state"
    with running_stack(state, HEARTH_ADDRESS_RATE_PER_S="20", HEARTH_ADDRESS_BURST="40") as stack:
        yield stack


def k6_run(stack: Stack, script: Path) -> "subprocess.CompletedProcess[str]":
    said = {**SHORT, **PATIENT, "FLOOD_USERS": "20", "FLOOD_S": "3"}
    said |= {name: stack.keys[name] for name in ("HEARTH_URL", "HEARTH_API_KEY")}
    words = [word for name, value in said.items() for word in ("-e", f"{name}={value}")]
    return subprocess.run(
        [str(k6.program()), "run", "--quiet", "--address", "", *words, str(script)],
        env={**os.environ, **k6.ENVIRON},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("name", ["load_test_k6.js", "load_test_k6_cloud.js"])
def test_a_script_says_what_it_needs_then_deploys_its_function_and_holds_its_thresholds(
    limited: Stack, tmp_path: Path, name: str
) -> None:
    script = Path(shutil.copy(ROOT / "loadtest" / name, tmp_path))

    without_zip = k6_run(limited, script)
    zips.write(tmp_path)
    done = k6_run(limited, script)
    limited.call("DELETE", "/functions/heavy")

    assert without_zip.returncode == ABORTED, without_zip.stdout + without_zip.stderr
    assert "There is no function heavy at http://127.0.0.1:" in without_zip.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every threshold holds" in done.stdout
