"""The load tests themselves, short: a whole stack, k6, a report; and Ctrl-C in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from loadtest.watch import children, descendants
from local import containers
from local.process import bound
from local.state import StateDir
from tests.conftest import ROOT
from tests.waiting import eventually


def started(tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    options = ["--scale", "0.05", "--no-bars", "--state-dir", str(tmp_path / "state"), "--out", str(tmp_path / "out")]
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", "run", *arguments, *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=bound(signal.SIGTERM),  # noqa: PLW1509  (a killed test run must not leave a stack behind)
    )


def test_a_short_run_writes_a_report_of_what_clients_and_records_say(tmp_path: Path) -> None:
    run = started(tmp_path, "stress")
    said, complaints = run.communicate(timeout=180)

    assert run.returncode == 0, complaints
    figures = json.loads((tmp_path / "out" / "loadtest.json").read_text())
    assert {"machine", "versions", "command", "load generator"} <= figures["about"].keys()
    [scenario] = figures["scenarios"]
    for load in scenario["loads"]:
        users = load["callers"]["users"]
        assert users["statuses"]["200"] > 0
        assert users["statuses"]["429"] > 0  # 200 at once are more than the default limits take
        assert users["overhead_ms"]["p50"] < users["latency_ms"]["200"]["p50"]
        assert all(call["run"] >= 500 for call in load["phases"])
        assert load["phases"]
        assert set(load["stages"]) == {"before", "during", "after"}
        assert load["stages"]["during"]["memory_mb"] > 50
    page = (tmp_path / "out" / "loadtest.html").read_text()
    assert "stress, 0 s think time" in page
    assert page.count("<svg") >= 14
    assert "stress, 1 s think time: refusals, p95" in said
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("hearth-")] == []


def test_ctrl_c_in_the_middle_of_a_load_leaves_nothing_behind(tmp_path: Path) -> None:
    run = started(tmp_path, "capacity")
    assert run.stderr
    for line in run.stderr:
        if "capacity: capacity" in line:
            break
    eventually(lambda: any("k6" in _name(pid) for pid in children(run.pid)), 20)
    of_it = descendants(run.pid)

    run.send_signal(signal.SIGINT)
    run.communicate(timeout=90)

    assert run.returncode == 130
    assert [pid for pid in of_it if Path(f"/proc/{pid}").exists()] == []
    state = StateDir(tmp_path / "state")
    assert containers.count(containers.address(), state.stack) == 0
    assert not state.path.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("hearth-")] == []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:  # it has just ended
        return ""
