"""The state directory: one stack at a time, and nothing left but logs."""

import os
import stat
from pathlib import Path

import pytest

from local.errors import StackError
from local.ports import choose, free_port, is_free
from local.state import Running, StateDir


def test_a_second_stack_is_told_who_runs_and_where(tmp_path: Path) -> None:
    with StateDir(tmp_path).claimed():
        StateDir(tmp_path).heartbeat("http://127.0.0.1:8400")

        with (
            pytest.raises(StackError, match=rf"http://127.0.0.1:8400 \(pid {os.getpid()}"),
            StateDir(tmp_path).claimed(),
        ):
            pytest.fail("two stacks hold one directory")


def test_whoever_claims_the_directory_runs(tmp_path: Path) -> None:
    state = StateDir(tmp_path)

    with state.claimed():
        running_while = state.running()

    assert running_while == Running(os.getpid(), None)
    assert state.running() is None


def test_the_record_of_a_killed_stack_does_not_count(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.heartbeat("http://127.0.0.1:8400")

    assert state.running() is None
    with state.claimed():
        assert state.running() == Running(os.getpid(), None)


def test_only_logs_remain(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")

    with state.claimed():
        state.logs.mkdir()
        state.write_env({"HEARTH_API_KEY": "k"})

    assert [path.name for path in state.path.iterdir()] == ["logs"]


def test_without_logs_the_directory_goes_too(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")

    with state.claimed():
        state.logs.mkdir()
        state.discard_logs()

    assert not state.path.exists()


def test_nobody_else_can_read_the_keys(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.env_file.write_text("older, and open to all")
    state.env_file.chmod(0o644)

    state.write_env({"HEARTH_API_KEY": "k"})

    assert stat.S_IMODE(state.env_file.stat().st_mode) == 0o600


def test_one_directory_always_gives_one_stack_name(tmp_path: Path) -> None:
    assert StateDir(tmp_path / "a" / ".." / "b").stack == StateDir(tmp_path / "b").stack
    assert StateDir(tmp_path / "a").stack != StateDir(tmp_path / "b").stack


def test_a_taken_port_gives_way_to_a_free_one() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]

        assert choose(wanted) != wanted
        assert is_free(choose(wanted))


def test_a_free_port_is_taken_as_wanted() -> None:
    wanted = free_port()

    assert choose(wanted) == wanted
