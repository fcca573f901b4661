"""The commands of README and docs/clients.md, run as they are written there, in a copy of Hearth's folder."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e

#: Commands of the README that the test run, or CI around it, runs in another way: what runs them.
ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "make up": "tests/e2e/conftest.py starts the stack with the same program",
    ". .hearth/env": "the stack's env file, which this test loads",
}

#: Blocks that no shell runs, by language and tag, each with its reason.
NOT_RUN = {
    "hcl": "Terraform's registry cannot be reached",
    "sh setup": "it loads the stack's env file, as this test does",
    "python quickstart": "tests/e2e/test_the_whole_way.py runs it",
    "": "a drawing",
}


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Every fenced block of a page: its language and tag, and its text."""
    yield from re.findall(r"^```([^\n]*)\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git tracks, so that a page's commands leave nothing in the tree under test."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name, follow_symlinks=False)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def test_every_command_of_the_readme_is_run_by_somebody() -> None:
    commands = [
        line.partition("#")[0].strip()
        for kind, text in blocks(ROOT / "README.md")
        if kind == "sh"
        for line in text.splitlines()
    ]

    assert sorted(commands) == sorted(ELSEWHERE)
    assert {kind for kind, _ in blocks(ROOT / "README.md")} <= {"sh", *NOT_RUN}
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {command for command, where in ELSEWHERE.items() if where == ".ci/run"} <= set(ci)


def test_the_commands_for_clients_run_as_they_are_written(stack: Stack, checkout: Path) -> None:
    found = list(blocks(checkout / "docs" / "clients.md"))
    assert {kind for kind, _ in found} <= {"sh", *NOT_RUN}
    script = "\n".join(text for kind, text in found if kind == "sh")

    ran = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=checkout,
        env={**os.environ, **stack.keys, "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert ran.stdout.count('{"doubled": 42}') >= 3
    assert "HTTP 404" not in ran.stdout
