"""Writes the names of a stack's data as variables that a shell reads, for what runs outside of Lambda."""

import shlex
from pathlib import Path
from typing import Any

from infra import templates
from infra.clean_tree import ROOT
from infra.literals import literal


def write(stack: str, names: dict[str, Any], folder: Path = ROOT / ".hearth" / "names") -> Path:
    """Write the file and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stack}.env"
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables(names).items()))
    return path


def variables(names: dict[str, Any]) -> dict[str, str]:
    """Give the variables of controller.json's environment that name data, and the region; no secret is among them."""
    environment = templates.controller()["Globals"]["Function"]["Environment"]["Variables"]
    parameters = templates.controller()["Parameters"]
    named = {name: value for name, value in environment.items() if value["Ref"] not in parameters}
    return {"AWS_REGION": names["AWS::Region"], **literal(named, names)}
