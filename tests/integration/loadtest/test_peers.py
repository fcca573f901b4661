"""The peers as they are started for a run, and the driver's own k6 script on one."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from loadtest import k6_runner, watch
from loadtest.errors import LoadTestError
from loadtest.peers import emulator
from loadtest.peers.running import peer
from loadtest.reports import figures
from loadtest.reports.samples import Metric
from loadtest.scenarios import zips
from loadtest.scenarios.model import Callers, Load, Target, constant, plan
from tests.conftest import ROOT, RedisServer
from tests.integration.loadtest.deployed import KEY, deployed
from tests.waiting import eventually


def post(url: str, event: Any) -> Any:
    with urllib.request.urlopen(url, json.dumps(event).encode(), timeout=10) as reply:
        return json.load(reply)


def load(name: str, **event: Any) -> Load:
    callers = {"users": Callers(executor=constant(3, 1), function=name, event=event)}
    return Load(name="tried", callers=callers, lasts_s=1, target=Target.BARE)


def test_the_bare_server_runs_the_same_handler_and_ends_with_the_with() -> None:
    with peer(Target.BARE, "heavy", zips.HEAVY) as url:
        answer = post(f"{url}/functions/heavy/invocations", {"n": 10, "nap_s": 0.02})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            post(f"{url}/functions/other/invocations", {})

    assert (answer["result"], 0 < answer["time_left_ms"] <= 30_000) == (55, True)
    assert answer["duration_ms"] >= 20
    with pytest.raises(urllib.error.URLError):
        post(f"{url}/functions/heavy/invocations", {})


def test_what_k6_measured_on_a_peer_becomes_overhead_beside_latency() -> None:
    seconds: list[float] = []
    with peer(Target.BARE, "heavy", zips.HEAVY) as url:
        ran = k6_runner.run(plan(load("heavy", n=1, nap_s=0.05), "r", url, {None: "k"}), seconds.append)

    found = figures.of_callers(ran.samples)["users"]
    assert list(found["statuses"]) == ["200"]
    assert found["overhead_ms"]["count"] == found["calls"] > 10
    assert found["latency_ms"]["200"]["p50"] >= 50 > found["overhead_ms"]["p50"] > 0
    assert all(one.whole_ms > 50 for one in ran.samples if one.metric is Metric.OVERHEAD)
    assert seconds == sorted(seconds)
    assert seconds
    assert ran.complaints == []


def test_a_server_that_fails_is_quoted_once() -> None:
    with deployed(fails=2) as server:
        ran = k6_runner.run(plan(load("heavy", nap_s=0.01), "r", server.url, {None: KEY}), lambda _: None)

    assert ran.complaints == ['502 1502 {"error": "lost"}']
    assert figures.of_callers(ran.samples)["users"]["statuses"].keys() == {"200", "502"}


def test_a_plan_that_k6_refuses_is_an_error_in_its_own_words() -> None:
    wrong = load("heavy")
    made = plan(wrong, "r", "http://127.0.0.1:9", {None: "k"})
    made["scenarios"]["users"]["vus"] = 0

    with pytest.raises(LoadTestError, match="number of VUs"):
        k6_runner.run(made, lambda _: None)


def test_the_emulator_is_told_where_to_listen_and_what_to_serve(tmp_path: Path) -> None:
    command = emulator.command(tmp_path / "rie", 1, 2)

    assert command[:5] == [
        str(tmp_path / "rie"), "--runtime-interface-emulator-address", "127.0.0.1:1", "--runtime-api-address",
        "127.0.0.1:2",
    ]  # fmt: skip
    assert command[-3:] == ["-m", "awslambdaric", "main.handler"]
    assert emulator.environ(tmp_path, zips.NOOP)["PYTHONPATH"] == f"{tmp_path}:{zips.NOOP.parent}"


def test_an_emulator_that_cannot_be_had_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(LoadTestError, match="AWS's emulator cannot be had: ERROR: "):
        emulator.obtain(tmp_path)


def test_the_processes_of_a_stack_are_found_by_what_they_run() -> None:
    sleep = "import time; time.sleep(60)"
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    parent = subprocess.Popen([*command, sys.executable, "-c", sleep, "worker_agent"], start_new_session=True)
    try:
        # A process that has just begun holds nothing yet.
        eventually(lambda: [one for one in watch.parts(parent.pid).values() if one.memory_mb > 1])
        found = watch.parts(parent.pid)
        assert list(found) == ["worker"]
        assert found["worker"].descriptors >= 3
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
    assert watch.parts(parent.pid) == {}


@pytest.mark.redis
def test_redis_keys_are_counted(redis_server: RedisServer, redis_client: Any) -> None:
    assert watch.redis_keys(redis_server.port) == 0
    redis_client.mset({"a": 1, "b": 2})
    assert watch.redis_keys(redis_server.port) == 2


def test_make_builds_both_zips_from_the_sources() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "-W", "examples/heavy/main.py", "loadtest-zips"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.count("loadtest zips") == 1
