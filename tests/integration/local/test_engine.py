"""Borrowing a Docker Engine (a stand-in): the last borrower stops Hearth's own, and nobody stops another's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import containers
from local.engine import Home, borrowed, release_forgotten
from local.errors import StackError

pytestmark = [
    # The engine is meant to outlive the process that started it, so nobody waits for its process object.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

STAND_IN = Path(__file__).parent / "fake_dockerd.py"


def put_dockerd(folder: Path, text: str) -> None:
    program = folder / "dockerd"
    program.write_text(text)
    program.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    put_dockerd(tmp_path, f"#!{sys.executable}\n{STAND_IN.read_text()}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return Home(run=tmp_path / "run", data=tmp_path / "data", socket=tmp_path / "engine.sock")


@contextmanager
def running(command: list[str], home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """An engine that others have started, until the end of the `with`."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as engine:
        try:
            while not containers.answers(f"unix://{home.socket}"):
                assert engine.poll() is None
            yield engine
        finally:
            engine.terminate()


def test_the_last_borrower_stops_hearths_own_engine(home: Home) -> None:
    with borrowed(print, home) as address:
        with borrowed(print, home) as same:
            assert same == address

        assert containers.answers(address)
    assert not containers.answers(address)


def test_an_engine_that_was_there_is_used_and_left_alone(home: Home, tmp_path: Path) -> None:
    notes: list[str] = []
    options = ["--pidfile", str(tmp_path / "its-own.pid"), "--host", f"unix://{home.socket}"]
    with running([str(tmp_path / "dockerd"), *options], home):
        with borrowed(notes.append, home) as address:
            pass

        assert notes == [f"using the one at unix://{home.socket}"]
        assert containers.answers(address)


def test_an_engine_whose_borrowers_were_killed_is_stopped_when_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run.mkdir()
    with running(home.command, home) as forgotten:
        release_forgotten(home)

        assert forgotten.wait(10) == 0


def test_an_engine_that_does_not_start_is_reported_with_the_end_of_its_log(home: Home, tmp_path: Path) -> None:
    put_dockerd(tmp_path, "#!/bin/sh\necho no cgroups here\nexit 1\n")

    with pytest.raises(StackError, match="no cgroups here"), borrowed(print, home):
        pytest.fail("there is no engine to borrow")
