"""A copy of what deploys, so that nothing a deployment writes ends up in the tree under test."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

HANDLERS = Path(__file__).with_name("handlers.py")

#: Asks the app itself what it has, in a process of its own: an app is one per process.
ASK = """
import json
from app import app
sources = [{"kind": type(one).__name__, **vars(one)} for one in app.event_sources]
for one in sources:
    one["schedule_expression"] = str(one.get("schedule_expression"))
    one.pop("handler_function", None)
print(json.dumps({
    "routes": {path: sorted(methods) for path, methods in app.routes.items()},
    "handlers": sorted(one.name for one in [*app.event_sources, *app.pure_lambda_functions]),
    "sources": sources,
}, default=str))
"""


@dataclass(frozen=True)
class Tree:
    """A copy of `api/`, `shared_lua/` and `infra/`."""

    root: Path

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `python …` inside the copy, with nothing of this tree on its path."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self._environ(environ),
            check=False,
            capture_output=True,
            text=True,
            timeout=1800,  # of a command that hangs; a busy machine takes minutes
        )

    def infra(self, *arguments: str, **environ: str) -> str:
        """Run `python -m infra …`, which must succeed, and give what it said."""
        done = self.run("-m", "infra", *arguments, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def app(self) -> dict[str, Any]:
        """Give what the app has: routes, handlers that are no routes, event sources."""
        done = self.run("-c", ASK)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def config(self) -> dict[str, Any]:
        """Give Chalice's configuration."""
        config: dict[str, Any] = json.loads((self.root / "api" / ".chalice" / "config.template.json").read_text())
        return config

    def _environ(self, more: dict[str, str]) -> dict[str, str]:
        path = f"{self.root}{os.pathsep}{self.root / 'api'}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "PYTHON"))}
        return kept | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"} | more


def copy(root: Path, packages: Path) -> Tree:
    """Copy what git has, or would have: stray files beside it must not decide what is tested.

    The copy shares `packages` with others: what Chalice has packed.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "api", "shared_lua", "infra"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    (root / "api" / ".chalice" / "deployments").symlink_to(packages)
    return Tree(root)


def add_handlers(tree: Tree) -> None:
    """Give the copy's app a handler for each kind of event source."""
    with (tree.root / "api" / "app.py").open("a") as app:
        app.write("\n\n" + HANDLERS.read_text())
