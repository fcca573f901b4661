"""Copies the sources that make the controller's package to a place of their own: Chalice packs all it finds."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Chalice has no filter, so this is one: caches, logs and editors' leavings stay behind.
_SOURCES = frozenset({".py", ".lua", ".json", ".txt"})

#: Bytecode, and what Chalice keeps of former runs; the copy gets only what the caller puts there.
_LEFT_BEHIND = frozenset({"__pycache__", "deployed", "deployments"})


def copy_to(target: Path) -> Path:
    """Copy `api/` and `shared_lua/` below an empty directory and give the copy of `api/`."""
    for folder in ("api", "shared_lua"):
        shutil.copytree(ROOT / folder, target / folder, symlinks=True, ignore=_strays)
    return target / "api"


def _strays(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not _belongs(Path(folder) / name)}


def _belongs(path: Path) -> bool:
    if path.is_dir():
        return path.name == ".chalice" or not (path.name in _LEFT_BEHIND or path.name.startswith("."))
    return path.suffix in _SOURCES
