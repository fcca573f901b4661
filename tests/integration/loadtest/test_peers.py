"""The peers as they are started for a run, and what is read of a running stack."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest import watch
from loadtest.client import Client
from loadtest.errors import LoadTestError
from loadtest.peers import emulator
from loadtest.peers.running import peer
from loadtest.scenarios import zips
from loadtest.scenarios.model import Target
from tests.conftest import ROOT, RedisServer
from tests.waiting import eventually


def call(url: str, function: str, event: Any) -> Any:
    return Client(url).call("POST", f"/functions/{function}/invocations", json.dumps(event).encode()).json()


def test_the_bare_server_runs_the_same_handler_and_ends_with_the_with() -> None:
    with peer(Target.BARE, "heavy", zips.HEAVY) as url:
        answer = call(url, "heavy", {"n": 10, "nap_s": 0.02})
        with pytest.raises(LoadTestError, match="answered 404"):
            call(url, "other", {})

    assert (answer["result"], 0 < answer["time_left_ms"] <= 30_000) == (55, True)
    assert answer["duration_ms"] >= 20
    with pytest.raises(LoadTestError, match="got no answer"):
        call(url, "heavy", {})


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

    with pytest.raises(LoadTestError, match="AWS's emulator cannot be fetched: ERROR: "):
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
