"""Runs the chalice command in a copy of the controller; its output goes where the caller's own output goes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.errors import DeployError

#: The command's own script has the path of the environment it was made in; this has not.
_CHALICE = "from chalice.cli import main; main()"


def chalice(api: Path, arguments: list[str], environ: Mapping[str, str] | None = None) -> None:
    """Run `chalice` in `api`, with `environ` over our own environment; raise DeployError when it fails."""
    command = [sys.executable, "-c", _CHALICE, *arguments]
    # Chalice imports the app before it packs it, and would pack the bytecode of that import.
    over = {"PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
    if subprocess.run(command, cwd=api, env=os.environ | over, check=False).returncode:
        raise DeployError(f"`chalice {arguments[0]}` failed; its output is above")
