"""Both k6 scripts against a whole stack that limits each address to little."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import k6
from loadtest.scenarios import zips
from tests.conftest import ROOT
from tests.e2e.conftest import Stack, running_stack

SHORT = {"RAMP_S": "1", "RISE_S": "1", "FALL_S": "1", "USERS": "3", "FIRST_USERS": "2", "NAP_S": "0.1"}
PATIENT = {"P95_MS": "20000", "OVERHEAD_P95_MS": "20000"}  # how fast it is, is not asked here


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("limited") / "state"
    with running_stack(state, HEARTH_ADDRESS_RATE_PER_S="20", HEARTH_ADDRESS_BURST="40") as stack:
        yield stack


@pytest.mark.parametrize(("script", "zipped"), [("load_test_k6.js", 0), ("load_test_k6_cloud.js", 1)])
def test_a_script_deploys_its_function_and_holds_its_thresholds(
    limited: Stack, tmp_path: Path, script: str, zipped: int
) -> None:
    said = {**SHORT, **PATIENT, "FLOOD_USERS": "20", "FLOOD_S": "3", "ZIP": str(zips.write(tmp_path)[zipped])}
    said |= {name: limited.keys[name] for name in ("HEARTH_URL", "HEARTH_API_KEY")}
    words = [word for name, value in said.items() for word in ("-e", f"{name}={value}")]

    done = subprocess.run(
        [str(k6.program()), "run", "--quiet", "--address", "", *words, str(ROOT / "loadtest" / script)],
        env={**os.environ, **k6.ENVIRON},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every threshold holds" in done.stdout
