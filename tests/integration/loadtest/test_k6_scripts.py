"""Both k6 scripts as a user runs them, for some seconds, on a real server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtest import k6
from loadtest.scenarios import zips
from tests.conftest import ROOT
from tests.integration.loadtest.deployed import KEY, Deployed, deployed

LOCAL, CLOUD = (ROOT / "loadtest" / f"load_test_{name}.js" for name in ("k6", "k6_cloud"))
BOTH = pytest.mark.parametrize("script", [LOCAL, CLOUD], ids=["local", "cloud"])
BROKEN_THRESHOLD, ABORTED = 99, 108  # k6's exit codes
SHORT = {
    "RAMP_S": "0.5",
    "RISE_S": "1",
    "FALL_S": "0.5",
    "USERS": "6",
    "FIRST_USERS": "3",
    "THINK_S": "0.1",
    "NAP_S": "0.05",
}


def run(script: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    said = {**SHORT, "FLOOD_USERS": "4", "FLOOD_S": "1", **variables}
    words = [word for name, value in said.items() for word in ("-e", f"{name}={value}")]
    command = [str(k6.program()), "run", "--quiet", "--address", "", *words, str(script)]
    environ = {**os.environ, **k6.ENVIRON}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def run_on(server: Deployed, script: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return run(script, HEARTH_URL=server.url, HEARTH_API_KEY=KEY, **variables)


def inspect(script: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(k6.program()), "inspect", *words, str(script)]
    environ = {**os.environ, **k6.ENVIRON}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def alone(script: Path, folder: Path, *, zipped: bool) -> Path:
    """A copy of a script in a folder of its own, with its zip beside it or without."""
    copy = Path(shutil.copy(script, folder))
    if zipped:
        zips.write(folder)
    return copy


def values(summary: Path, *metrics: str) -> list[dict[str, float]]:
    found = json.loads(summary.read_text())["metrics"]
    return [found[metric]["values"] for metric in metrics]


@BOTH
def test_k6_takes_a_script_and_it_is_the_capacity_load_unless_told_otherwise(script: Path) -> None:
    done = inspect(script, "-e", "HEARTH_URL=http://x", "-e", "HEARTH_API_KEY=k")

    options: dict[str, Any] = json.loads(done.stdout)
    stages = [(stage["duration"], stage["target"]) for stage in options["scenarios"]["capacity"]["stages"]]
    assert stages == [("5s", 20), ("20s", 50), ("5s", 0)]
    assert options["thresholds"]


@BOTH
def test_a_script_stands_on_its_own(script: Path) -> None:
    imports = [line for line in script.read_text().splitlines() if line.startswith("import ")]

    assert imports
    assert all(line.split("from ")[1].startswith(("'k6'", "'k6/")) for line in imports)


def test_the_local_script_deploys_calls_and_sums_up(tmp_path: Path) -> None:
    [zipped, _] = zips.write(tmp_path)
    with deployed() as server:
        done = run_on(server, LOCAL, ZIP=str(zipped), SUMMARY=str(tmp_path / "summary.json"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "every threshold holds" in done.stdout
    assert list(server.zips.values()) == [zipped.read_bytes()]
    metrics = {
        name: one["values"] for name, one in json.loads((tmp_path / "summary.json").read_text())["metrics"].items()
    }
    assert metrics["iterations"]["count"] == metrics["latency"]["count"] == server.calls > 10
    assert metrics["latency"]["min"] >= 50 > metrics["overhead"]["med"] >= 0


@BOTH
def test_a_function_that_is_not_there_is_deployed_when_its_zip_lies_beside_the_script(
    script: Path, tmp_path: Path
) -> None:
    with deployed(empty=True) as server:
        done = run_on(server, alone(script, tmp_path, zipped=True))

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.zips) == 1
    assert server.calls > 10


@BOTH
def test_without_the_zip_the_test_aborts_and_one_sentence_says_which_command_makes_it(
    script: Path, tmp_path: Path
) -> None:
    with deployed(empty=True) as server:
        done = run_on(server, alone(script, tmp_path, zipped=False))

    assert done.returncode == ABORTED
    assert f"There is no function heavy at {server.url}: run `make loadtest-zips`" in done.stderr
    assert done.stdout.strip() == "No call was made."
    assert server.calls == 0


@BOTH
def test_a_function_of_another_name_that_is_not_there_is_not_created(script: Path, tmp_path: Path) -> None:
    with deployed(empty=True) as server:
        done = run_on(server, alone(script, tmp_path, zipped=True), FUNCTION="mine")

    assert done.returncode == ABORTED
    assert "There is no function mine" in done.stderr
    assert (server.zips, server.calls) == ({}, 0)


@BOTH
def test_a_key_that_is_refused_and_a_server_that_is_not_there_are_told_before_any_load(script: Path) -> None:
    with deployed() as server:
        refused = run(script, HEARTH_URL=server.url, HEARTH_API_KEY="another")
    silent = run(script, HEARTH_URL="http://127.0.0.1:9", HEARTH_API_KEY=KEY)

    assert (refused.returncode, silent.returncode) == (ABORTED, ABORTED)
    assert "does not accept HEARTH_API_KEY (403" in refused.stderr
    assert "No answer from http://127.0.0.1:9 (" in silent.stderr
    assert server.calls == 0


def test_an_answer_that_is_an_error_breaks_the_local_scripts_threshold_and_has_no_latency(tmp_path: Path) -> None:
    with deployed(fails=20) as server:
        done = run_on(server, LOCAL, SUMMARY=str(tmp_path / "summary.json"))

    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: checks rate==1" in done.stdout
    calls, latency = values(tmp_path / "summary.json", "iterations", "latency")
    assert calls["count"] == server.calls
    assert latency["count"] == server.calls - server.calls // 20
    assert latency["min"] >= 50  # the errors were answered at once


def test_a_slow_answer_breaks_the_threshold_that_was_asked_for(tmp_path: Path) -> None:
    with deployed() as server:
        done = run_on(server, alone(LOCAL, tmp_path, zipped=True), P95_MS="49")

    assert server.zips == {}  # the function was there, and is left as it is
    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: latency p(95)<=49" in done.stdout


def test_the_cloud_script_claims_many_addresses_and_is_limited_all_the_same(tmp_path: Path) -> None:
    with deployed() as server:
        done = run_on(server, alone(CLOUD, tmp_path, zipped=True))

    assert server.zips == {}  # the function was there, and is left as it is
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.claimed) > 40
    assert None not in server.claimed
    assert "every threshold holds" in done.stdout


def test_a_deployment_that_believes_x_forwarded_for_is_found_out() -> None:
    with deployed(trusts_forwarded=True) as server:
        done = run_on(server, CLOUD)

    assert done.returncode == BROKEN_THRESHOLD
    assert "BROKEN: refused count>0" in done.stdout


def test_the_cloud_script_says_what_it_must_be_told() -> None:
    done = inspect(CLOUD)

    assert done.returncode != 0
    assert "set HEARTH_URL" in done.stderr


def test_a_number_that_is_none_is_named() -> None:
    done = inspect(LOCAL, "-e", "USERS=many")

    assert done.returncode != 0
    assert "USERS must be a number of 0 or more, not many" in done.stderr
