"""Setting up: only what a purpose needs and is missing, and one sentence where that is not possible."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.state import ROOT

NOBODY = 65534
#: What setup.sh reads. Each test has a clone of its own.
READ = ["Makefile", "local/setup.sh", "constraints.txt", "api/requirements.txt", "worker_agent/requirements.txt"]
#: Stands for the Python of `.venv`: writes down what it is asked to do.
PYTHON = '#!/bin/sh\necho "$@" >> "$(dirname "$0")/asked"\n'


@pytest.fixture
def clone() -> Iterator[Path]:
    """What setup.sh and make need of a clone, where any user may read it."""
    with tempfile.TemporaryDirectory(prefix="hearth-clone-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        for name in [*READ, *(path.name for path in ROOT.glob("requirements*.txt"))]:
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        yield root


@pytest.fixture
def python(clone: Path) -> Path:
    """The environment's Python, and beside it what it was `asked`."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    program = clone / ".venv" / "bin" / "python"
    program.write_text(PYTHON)
    program.chmod(0o755)
    return program


def setup(clone: Path, purpose: str, *before: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*before, "sh", "local/setup.sh", purpose],
        cwd=clone, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def installed(python: Path) -> list[str]:
    """The requirements that pip was asked to install since the last look."""
    asked = python.with_name("asked")
    lines = asked.read_text().splitlines() if asked.exists() else []
    asked.unlink(missing_ok=True)
    return [line.split()[-1] for line in lines if " -r " in line]


def test_a_user_gets_no_development_tools_and_a_second_time_nothing_is_done(clone: Path, python: Path) -> None:
    first = setup(clone, "run")
    assert (first.returncode, first.stderr) == (0, "")
    assert "setup: Python packages of requirements.txt: done after" in first.stdout
    assert installed(python) == ["requirements.txt"]

    second = setup(clone, "run")

    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert installed(python) == []


def test_development_brings_the_tools_and_then_a_user_needs_nothing_more(clone: Path, python: Path) -> None:
    for purpose in ("check", "run", "python", "check"):
        assert setup(clone, purpose).returncode == 0

    assert installed(python) == ["requirements-dev.txt"]
    assert "-r requirements.txt" in (clone / "requirements-dev.txt").read_text().splitlines()


def test_other_pins_are_another_environment(clone: Path, python: Path) -> None:
    setup(clone, "run")
    (clone / "constraints.txt").write_text("boto3==1.0\n")

    setup(clone, "run")

    assert installed(python) == ["requirements.txt"] * 2


def test_an_installation_that_fails_is_not_taken_for_one_that_is_there(clone: Path, python: Path) -> None:
    python.write_text("#!/bin/sh\necho no index here >&2; exit 1\n")

    failed = setup(clone, "run")

    assert failed.returncode == 1
    assert failed.stderr.splitlines() == ["no index here", "setup: pip: failed"]
    python.write_text(PYTHON)
    setup(clone, "run")
    assert installed(python) == ["requirements.txt"]


@pytest.mark.parametrize(("command", "code"), [("status", 2), ("down", 0)])
def test_status_and_down_install_nothing_and_say_that_nothing_runs(clone: Path, command: str, code: int) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", command], cwd=clone, capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert done.stdout == "no stack is running: nothing is installed yet (`make up` does it)\n"
    assert not (clone / ".venv").exists()


def test_without_root_and_sudo_it_is_one_sentence(clone: Path) -> None:
    programs = clone / "bin"
    programs.mkdir()
    for name in ("dirname", "id", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))

    done = setup(clone, "run", *as_nobody(), PATH=str(programs))

    assert (done.returncode, done.stdout) == (1, "")
    [sentence] = done.stderr.splitlines()
    assert sentence.endswith("only root may do, and there is no sudo here: run this as root.")


def test_in_a_clone_of_somebody_elses_it_is_one_sentence(clone: Path) -> None:
    done = setup(clone, "check", *as_nobody())

    assert_cannot_be_written(done, clone)


def test_in_a_read_only_clone_it_is_one_sentence(clone: Path) -> None:
    mount = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; cd "$1"; shift; exec "$@"'

    done = setup(clone, "run", "unshare", "--mount", "sh", "-euc", mount, "sh", str(clone))

    assert_cannot_be_written(done, clone)


def test_an_unknown_purpose_is_one_sentence(clone: Path) -> None:
    done = setup(clone, "everything")

    assert (done.returncode, done.stderr) == (1, "setup: unknown purpose everything: run, python, check or test\n")


def as_nobody() -> list[str]:
    return [str(shutil.which("setpriv")), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def assert_cannot_be_written(done: "subprocess.CompletedProcess[str]", clone: Path) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(f"setup: you cannot write to {clone}, where Hearth keeps its Python environment: clone")
