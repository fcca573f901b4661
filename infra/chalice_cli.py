"""Runs the chalice command in a copy of the controller; what it says goes where the caller's own output goes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.clean_tree import ROOT
from infra.errors import DeployError


def chalice(api: Path, arguments: list[str], environ: Mapping[str, str] | None = None) -> None:
    """Run `chalice` in `api` with the environment given added to our own; raise DeployError when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _CHALICE, *arguments], cwd=api, env=_environ(environ or {}), check=False
    )
    if done.returncode:
        raise DeployError(f"`chalice {arguments[0]}` failed; what it said is above")


#: The command's own script has the path of the environment it was made in; this has not.
_CHALICE = "from chalice.cli import main; main()"


def _environ(more: Mapping[str, str]) -> dict[str, str]:
    """Without the pins pip would take the newest botocore; bytecode written while the app is read would be packed."""
    pins = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt"), "PYTHONDONTWRITEBYTECODE": "1"}
    return {"AWS_DEFAULT_REGION": "us-east-1", **os.environ, **pins, **more}
