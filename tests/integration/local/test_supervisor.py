"""Children are kept running, and none outlives its supervisor, however that ends."""

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.errors import StackError
from local.process import python
from local.state import ROOT
from local.supervisor import Child, Program, Supervisor


def a_program(tmp_path: Path, command: Sequence[str], **traits: Any) -> Program:
    return Program("stand-in", command, dict(os.environ), tmp_path / "log", **traits)


def has_ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 10)[0])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that supervises two children, and descriptors that tell when these have ended."""
    command = python("tests.integration.local.tiny_stack", str(tmp_path))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        children = [os.pidfd_open(int(process.stdout.readline())) for _ in range(2)]
        yield process, children
        process.kill()
        for child in children:
            os.close(child)


def test_a_child_that_dies_is_restarted(tmp_path: Path) -> None:
    lives, said = tmp_path / "lives", list[str]()
    supervisor = Supervisor(said.append)
    child = supervisor.start(a_program(tmp_path, ["sh", "-c", f"echo alive >> {lives}; exit 3"]))

    supervisor.watch(lambda: lives.exists() and lives.read_text().count("alive") == 3)

    assert "stand-in ended with code 3" in said[0]
    assert supervisor.unexpected_exits >= 2
    supervisor.stop(child)


def test_the_wait_before_a_restart_grows(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    child = supervisor.start(a_program(tmp_path, ["false"]))

    supervisor.watch(lambda: len(said) == 3)

    assert [sentence.split(" s;")[0].split()[-1] for sentence in said] == ["0.2", "0.4", "0.8"]
    supervisor.stop(child)


def test_a_program_that_cannot_be_restarted_says_what_is_lost_and_shows_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(print)
    program = a_program(tmp_path, ["sh", "-c", "echo last words; exit 1"], loss="All is lost.", restartable=False)
    supervisor.start(program)

    with pytest.raises(StackError, match=r"All is lost\.\n    last words"):
        supervisor.watch(lambda: False)


def test_a_child_that_dies_while_starting_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child(a_program(tmp_path, ["sh", "-c", "echo no such setting >&2; exit 2"]))

    with pytest.raises(StackError, match="code 2 while starting:\n    no such setting"):
        child.wait_until(lambda: False, timeout_s=10)
    child.stop()


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    trapped = tmp_path / "trapped"
    child = Child(a_program(tmp_path, ["sh", "-c", f"trap '' TERM; touch {trapped}; sleep 1000"], grace_s=0.1))
    child.wait_until(trapped.exists, 10)
    ended = os.pidfd_open(child.pid)

    child.stop()

    assert has_ended(ended)
    os.close(ended)


def test_sigterm_ends_every_child_in_reverse_order(stack: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, children = stack

    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)

    assert said.splitlines() == ["ended second", "ended first", "stopped"]
    assert process.returncode == 0
    assert all(has_ended(child) for child in children)


def test_kill_9_of_the_supervisor_leaves_no_child(stack: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, children = stack

    process.kill()

    assert all(has_ended(child) for child in children)


def test_a_second_signal_does_not_cut_the_teardown_short(stack: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, _ = stack

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)

    assert said.splitlines()[-1] == "stopped"
