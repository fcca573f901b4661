"""Both k6 scripts as anybody would run them, for some seconds, on a real server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtest import k6
from loadtest.scenarios import zips
from tests.conftest import ROOT
from tests.integration.loadtest.deployed import KEY, Deployed, deployed

LOCAL, CLOUD = (ROOT / "loadtest" / f"load_test_{name}.js" for name in ("k6", "k6_cloud"))
BROKEN_THRESHOLD = 99
SHORT = {
    "RAMP_S": "0.5",
    "RISE_S": "1",
    "FALL_S": "0.5",
    "USERS": "6",
    "FIRST_USERS": "3",
    "THINK_S": "0.1",
    "NAP_S": "0.05",
}


def k6_run(script: Path, server: Deployed, **variables: str) -> "subprocess.CompletedProcess[str]":
    said = {"HEARTH_URL": server.url, "HEARTH_API_KEY": KEY, **SHORT, "FLOOD_USERS": "4", "FLOOD_S": "1", **variables}
    words = [word for name, value in said.items() for word in ("-e", f"{name}={value}")]
    command = [str(k6.program()), "run", "--quiet", "--address", "", *words, str(script)]
    return subprocess.run(
        command, env={**os.environ, **k6.ENVIRON}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("script", [LOCAL, CLOUD], ids=["local", "cloud"])
def test_k6_takes_a_script_and_it_is_the_capacity_load_unless_told_otherwise(script: Path) -> None:
    command = [str(k6.program()), "inspect", "-e", "HEARTH_URL=http://x", "-e", "HEARTH_API_KEY=k", str(script)]

    done = subprocess.run(command, env={**os.environ, **k6.ENVIRON}, capture_output=True, text=True, check=True)

    options: dict[str, Any] = json.loads(done.stdout)
    stages = [(stage["duration"], stage["target"]) for stage in options["scenarios"]["capacity"]["stages"]]
    assert stages == [("5s", 20), ("20s", 50), ("5s", 0)]
    assert options["thresholds"]


@pytest.mark.parametrize("script", [LOCAL, CLOUD], ids=["local", "cloud"])
def test_a_script_stands_on_its_own(script: Path) -> None:
    imports = [line for line in script.read_text().splitlines() if line.startswith("import ")]

    assert imports
    assert all(line.split("from ")[1].startswith(("'k6'", "'k6/")) for line in imports)


def test_the_local_script_deploys_calls_and_sums_up(tmp_path: Path) -> None:
    [zipped, _] = zips.write(tmp_path)
    with deployed() as server:
        done = k6_run(LOCAL, server, ZIP=str(zipped), SUMMARY=str(tmp_path / "summary.json"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every threshold holds" in done.stdout
    assert list(server.zips.values()) == [zipped.read_bytes()]
    metrics = json.loads((tmp_path / "summary.json").read_text())["metrics"]
    assert metrics["iterations"]["values"]["count"] == server.calls > 10
    assert (
        metrics["http_req_duration{scenario:capacity}"]["values"]["min"]
        >= 50
        > metrics["overhead"]["values"]["med"]
        >= 0
    )


def test_one_answer_that_is_not_200_breaks_the_local_scripts_threshold() -> None:
    with deployed(fails=20) as server:
        done = k6_run(LOCAL, server)

    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: checks rate==1" in done.stdout


def test_a_slow_answer_breaks_the_threshold_that_was_asked_for() -> None:
    with deployed() as server:
        done = k6_run(LOCAL, server, P95_MS="49")

    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: http_req_duration{scenario:capacity} p(95)<=49" in done.stdout


def test_the_cloud_script_claims_many_addresses_and_is_limited_all_the_same() -> None:
    with deployed() as server:
        done = k6_run(CLOUD, server)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.claimed) > 40
    assert None not in server.claimed
    assert "every threshold holds" in done.stdout


def test_a_deployment_that_believes_x_forwarded_for_is_found_out() -> None:
    with deployed(trusts_forwarded=True) as server:
        done = k6_run(CLOUD, server)

    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: refused count>0" in done.stdout


def test_the_cloud_script_says_what_it_must_be_told() -> None:
    done = subprocess.run(
        [str(k6.program()), "inspect", str(CLOUD)],
        env={**os.environ, **k6.ENVIRON},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "set HEARTH_URL" in done.stderr


def test_a_number_that_is_none_is_named() -> None:
    command = [str(k6.program()), "inspect", "-e", "USERS=many", str(LOCAL)]
    done = subprocess.run(command, env={**os.environ, **k6.ENVIRON}, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "USERS must be a number of 0 or more, not many" in done.stderr
