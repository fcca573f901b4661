"""The stages that can be deployed: those that the template of Chalice's configuration has."""

import json
import re
from typing import Any

from infra.clean_tree import CHALICE
from infra.errors import DeployError

TEMPLATE = "config.template.json"

#: A stage's name is part of a stack's name, which has no other characters.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


def check(stage: str) -> None:
    """Raise DeployError when there is no such stage, or when its name cannot be one."""
    if not _NAME.fullmatch(stage):
        raise DeployError(
            f"{stage!r} cannot be a stage: a name has lower-case letters, digits and hyphens, begins with a letter, "
            "and has 30 characters at most"
        )
    known = template()["stages"]
    if stage not in known:
        raise DeployError(f"there is no stage {stage}: api/.chalice/{TEMPLATE} has {', '.join(known)}; add it there")


def template() -> dict[str, Any]:
    """Give Chalice's configuration as git keeps it."""
    read: dict[str, Any] = json.loads((CHALICE / TEMPLATE).read_text())
    return read
