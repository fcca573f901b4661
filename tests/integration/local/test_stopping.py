"""Ctrl-C and SIGTERM at any moment: no traceback, and nothing is left. The commands are those of the Makefile."""

import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import containers
from local.state import ROOT, StateDir
from tests.waiting import eventually

#: After the start, s: before Python runs, while it imports, while it starts Redis, and later.
MOMENTS_S = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
#: Either the stop was handled, or it came before anything was started and simply ended the process.
WELL = {0, 130, -signal.SIGINT, -signal.SIGTERM}


@dataclass
class Command:
    """A command that runs in a process group of its own, as a terminal would start it."""

    process: "subprocess.Popen[str]"
    state: StateDir
    mark: str

    def wait_for(self, text: str) -> str:
        """Wait until this is printed, be it half of a line, and give all that was printed so far."""
        assert self.process.stdout
        said = "\n"
        while text not in said:
            chunk = os.read(self.process.stdout.fileno(), 4096).decode()
            assert chunk, said
            said += chunk
        return said

    def stop(self, number: signal.Signals) -> str:
        """Send a signal as a terminal would, to the whole group, and give what was printed until the end."""
        os.killpg(self.process.pid, number)
        said, _ = self.process.communicate(timeout=120)
        return said

    def processes(self) -> list[str]:
        """What still runs of it, by command line: every process inherits the mark."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it has just ended
                continue
        return found


def started(target: str, state: Path) -> Command:
    """Start what `make up` and `make demo` start once all is installed."""
    asked = ["make", "-s", "-n", target, "ARGS=--isolated"]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        f"exec {shown.stdout.splitlines()[-1]} --state-dir {state}",
        shell=True, cwd=ROOT, env={**os.environ, "HEARTH_TEST_MARK": mark},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    directory = state if target == "up" else state.with_name(f"{state.name}-demo")
    return Command(process, StateDir(directory), mark)


def assert_nothing_is_left(command: Command, said: str) -> None:
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert command.process.returncode in WELL, said
    assert not command.state.path.exists(), said
    eventually(lambda: not command.processes())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.mark.redis
@pytest.mark.parametrize(
    ("number", "after_s"),
    [*((signal.SIGINT, after_s) for after_s in MOMENTS_S), *((signal.SIGTERM, after_s) for after_s in MOMENTS_S[::4])],
)
def test_up_is_stopped_in_its_first_moments(number: signal.Signals, after_s: float, state: Path) -> None:
    command = started("up", state)
    time.sleep(after_s)

    said = command.stop(number)

    assert_nothing_is_left(command, said)


@pytest.mark.redis
@pytest.mark.parametrize("after_s", MOMENTS_S[::2])
def test_the_demo_is_stopped_in_its_first_moments(after_s: float, state: Path) -> None:
    command = started("demo", state)
    time.sleep(after_s)

    said = command.stop(signal.SIGINT)

    assert_nothing_is_left(command, said)


@pytest.mark.docker
@pytest.mark.parametrize("step", ["redis", "aws", "stems"])
def test_up_is_stopped_while_it_starts_a_part(step: str, state: Path) -> None:
    command = started("up", state)
    seen = command.wait_for(f"\n  {step} ")

    said = seen + command.stop(signal.SIGINT)

    assert_nothing_is_left(command, said)
    assert containers.count(containers.address(), command.state.stack) == 0
    assert said.endswith("stopped, nothing is left\n")
