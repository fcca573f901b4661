"""The state directory: one stack at a time, and nothing left but logs."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from local.errors import StackError
from local.process import python
from local.state import ROOT, Running, StateDir


def test_a_second_stack_is_told_who_runs_and_where(tmp_path: Path) -> None:
    with StateDir(tmp_path).claimed():
        StateDir(tmp_path).record(Running(os.getpid(), url="http://127.0.0.1:8400"))

        with (
            pytest.raises(StackError, match=rf"http://127.0.0.1:8400 \(pid {os.getpid()}"),
            StateDir(tmp_path).claimed(),
        ):
            pytest.fail("two stacks hold one directory")


def test_the_process_that_claims_the_directory_runs(tmp_path: Path) -> None:
    state = StateDir(tmp_path)

    with state.claimed():
        running_while = state.running()

    assert running_while == Running(os.getpid())
    assert state.running() is None


def test_the_record_of_a_killed_stack_does_not_count(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.record(Running(1, "unix:///engine.sock", "http://127.0.0.1:8400"))

    assert state.running() is None
    assert state.recorded() == Running(1, "unix:///engine.sock", "http://127.0.0.1:8400")
    with state.claimed():
        assert state.running() == Running(os.getpid())


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


def test_logs_of_an_earlier_run_are_gone_when_new_ones_are_to_be_written(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.make_logs()
    state.log("aws").write_text("old")

    state.make_logs()

    assert list(state.logs.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_one_sentence_that_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError) as raised, StateDir(tmp_path / "file" / "state").claimed():
        pytest.fail("a stack keeps its keys in a file")

    assert str(raised.value).endswith("(Not a directory): name a directory that can be written to with --state-dir.")


def test_on_a_read_only_file_system_too(tmp_path: Path) -> None:
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"',
         "sh", str(tmp_path), *python("local", "up", "--isolated", "--state-dir", str(tmp_path / "state"))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (said.returncode, said.stderr) == (1, "")
    [line] = said.stdout.splitlines()
    assert line.startswith("error: The stack cannot keep its keys and logs in ")
    assert "Read-only file system" in line
    assert line.endswith("with --state-dir.")
