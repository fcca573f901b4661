"""A fresh clone of this repository, and a shell in it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT


@dataclass(frozen=True)
class Clone:
    """A clone, and the variables that its user has set."""

    root: Path
    environ: dict[str, str]

    def run(self, commands: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run commands as a user would type them, in a new shell in the root of the clone, until one fails."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=self.root,
            env=_own()
            | {"PATH": f"{self.root.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"}
            | self.environ
            | environ,
            check=False,
            capture_output=True,
            text=True,
            timeout=1800,  # of a command that hangs; a busy machine takes minutes
        )

    def must(self, commands: str) -> str:
        """Run commands, which must succeed, and give what they printed."""
        done = self.run(commands)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def status(self) -> str:
        """What git sees as changed or new in the clone."""
        return self.must("git status --porcelain")


def make(folder: Path, environ: dict[str, str]) -> Clone:
    """Clone this repository as it is being worked on, into a new folder, and give it this Python environment."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    for name in _changed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
        else:
            (folder / name).unlink()
    (folder / ".venv").symlink_to(sys.prefix)  # which `make test` has set up: one more download of everything is spared
    # The user has an AWS CLI, and nothing else of ours on the path.
    (folder.parent / "bin").mkdir()
    (folder.parent / "bin" / "aws").symlink_to(Path(sys.prefix) / "bin" / "aws")
    return Clone(folder, environ)


def _changed() -> list[str]:
    """What is not committed yet: a clone alone would test the last commit."""
    asked = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    staged = ["git", "diff", "-z", "--name-only", "--no-renames", "HEAD"]
    listed = [subprocess.run(one, cwd=ROOT, check=True, capture_output=True, text=True) for one in (asked, staged)]
    return sorted({name for done in listed for name in done.stdout.split("\0") if name})


def _own() -> dict[str, str]:
    ours = ("AWS_", "HEARTH_", "PYTHON", "MAKE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Bytecode beside the sources would be in the package, and make it another one each time.
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}
