"""Parts that the user names are used, or the stack says why they cannot be; parts that are not named are found."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import redis_server
from local.engine import Home, borrowed
from local.errors import StackError
from local.ports import choose, free_port, is_free, require, reserve
from local.process import python
from local.state import ROOT
from local.supervisor import Child, Program
from tests.conftest import RedisServer


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_usual_port_gives_way_to_a_free_one_when_it_is_taken(taken: int) -> None:
    assert choose(taken) != taken
    assert is_free(choose(taken))


def test_the_usual_port_is_used_when_it_is_free() -> None:
    usual = free_port()

    assert choose(usual) == usual


def test_a_reserved_port_is_taken_for_others_until_it_is_given_up() -> None:
    port = free_port()
    with reserve(port):
        assert not is_free(port)
        assert choose(port) != port
        with pytest.raises(StackError, match="in use"):
            require("--port", port)

    assert is_free(port)


@pytest.mark.aws
def test_the_stacks_own_server_starts_on_its_reserved_port(tmp_path: Path) -> None:
    port = free_port()
    command = python("local.aws_standin", str(port))
    program = Program("server", command, {**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path / "log")
    with reserve(port):
        child = Child(program)
        try:
            child.wait_until(lambda: answers(port), 30)
        finally:
            child.stop()


def test_a_named_port_that_is_taken_is_an_error(taken: int) -> None:
    with pytest.raises(StackError, match=rf"--port is {taken}, but that port is in use: stop what listens there, or"):
        require("--port", taken)


@pytest.mark.parametrize("value", [0, 65536, -1, "eighty"])
def test_a_named_port_that_is_none_is_an_error(value: str | int) -> None:
    with pytest.raises(StackError, match="HEARTH_METRICS_PORT must be a port, a number from 1 to 65535, not"):
        require("HEARTH_METRICS_PORT", value)


@pytest.mark.redis
def test_a_named_redis_that_answers_is_used(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from local.redis_server import running

    monkeypatch.setenv("HEARTH_REDIS_URL", redis_server.url)

    assert running() == redis_server.url


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "127.0.0.1:6379", "redis://user:secret@127.0.0.1:1/0?db=1"])
def test_a_named_redis_that_cannot_be_used_is_an_error_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTH_REDIS_URL", url)

    with pytest.raises(StackError, match=r"HEARTH_REDIS_URL is \S+, but that Redis .*unset it") as raised:
        redis_server.running()

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "problem"),
    [("unix:///nowhere.sock", "no Docker Engine answers there"), ("tcp://127.0.0.1:2375", "an engine on this machine")],
)
def test_a_named_engine_that_cannot_be_used_is_an_error_and_no_other_is_started(
    address: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    home = Home(run=tmp_path / "run", data=tmp_path / "data", socket=tmp_path / "engine.sock")

    with pytest.raises(StackError, match=f"DOCKER_HOST is {address}, but .*{problem}.*unset it"), borrowed(print, home):
        pytest.fail("another engine is used")

    assert not home.pid_file.exists()


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("HEARTH_METRICS_PORT", "taken", "HEARTH_METRICS_PORT is"),
        ("HEARTH_SLOTS", "many", "HEARTH_SLOTS must be a whole number"),
        ("HEARTH_REDIS_URL", "redis://127.0.0.1:1/0", "HEARTH_REDIS_URL is redis://127.0.0.1:1/0, but"),
    ],
)
def test_a_stack_with_a_setting_that_cannot_be_used_says_so_and_leaves_nothing(
    setting: str, value: str, complaint: str, taken: int, tmp_path: Path
) -> None:
    said = subprocess.run(
        python("local", "up", "--state-dir", str(tmp_path / "state")),
        cwd=ROOT,
        env={**os.environ, setting: value.replace("taken", str(taken))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stderr) == (1, "")
    assert "error: " in said.stdout
    assert complaint in said.stdout
    assert not (tmp_path / "state").exists()
