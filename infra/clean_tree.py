"""Makes copies of the controller to run Chalice in, since Chalice packs every file that it finds."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHALICE = ROOT / "api" / ".chalice"

#: Chalice has no filter, so this is one: caches, logs and editors' files are left behind.
_SOURCES = frozenset({".py", ".lua", ".json", ".txt"})

#: What Chalice itself keeps: a record of what it has deployed, without which it would make everything a second time,
#: and packages by a digest of their sources. Copies share both with the tree, and with a `chalice` that runs there.
_KEPT = ("deployed", "deployments")


@contextmanager
def copied() -> Iterator[Path]:
    """Give the path of a copy of `api/`, with `shared_lua/` where its link points, for the length of a `with`."""
    with tempfile.TemporaryDirectory(prefix="hearth-deploy-") as folder:
        target = Path(folder)
        for name in ("api", "shared_lua"):
            shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=_strays)
        for name in _KEPT:
            (CHALICE / name).mkdir(exist_ok=True)
            (target / "api" / ".chalice" / name).symlink_to(CHALICE / name)
        yield target / "api"


def _strays(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not _belongs(Path(folder) / name)}


def _belongs(path: Path) -> bool:
    if path.is_dir():
        return path.name == ".chalice" or not (path.name in {"__pycache__", *_KEPT} or path.name.startswith("."))
    return path.suffix in _SOURCES
