"""Knows what `chalice deploy` has made, from the record it keeps in the tree: without it, it makes all anew."""

import json
import re
import shutil
from pathlib import Path

from infra.clean_tree import ROOT


class Record:
    """The record of one stage, as the tree keeps it."""

    def __init__(self, stage: str) -> None:
        self._inside = Path(".chalice") / "deployed" / f"{stage}.json"
        self._kept = ROOT / "api" / self._inside

    def give_to(self, api: Path) -> None:
        """Put the record where the chalice that runs in a copy finds it."""
        if self._kept.exists():
            _copy(self._kept, api / self._inside)

    def take_from(self, api: Path) -> None:
        """Keep what the chalice that ran in a copy has written."""
        if (api / self._inside).exists():
            _copy(api / self._inside, self._kept)

    def functions(self) -> dict[str, str]:
        """Give the ARN of every function as templates speak of it: `OnUpload.Arn`."""
        if not self._kept.exists():
            return {}
        rows = json.loads(self._kept.read_text())["resources"]
        return {
            f"{logical(row['name'])}.Arn": row["lambda_arn"]
            for row in rows
            if row["resource_type"] == "lambda_function"
        }


def logical(handler: str) -> str:
    """Give the name that Chalice gives a handler's function in its template."""
    if handler == "api_handler":
        return "APIHandler"
    return "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", handler))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
