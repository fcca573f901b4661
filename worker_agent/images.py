"""Names each runtime's image by what it is built from; never builds or pulls one."""

import functools
import hashlib
from pathlib import Path

#: One folder per runtime, each a build context.
RUNTIMES = Path(__file__).resolve().parent / "runtimes"


def offered() -> list[str]:
    """Give the runtimes that have a build context, sorted."""
    return sorted(path.parent.name for path in RUNTIMES.glob("*/Dockerfile"))


def context(runtime: str) -> Path:
    """Give the folder a runtime's image is built from."""
    return RUNTIMES / runtime


@functools.cache
def image_name(runtime: str) -> str:
    """Give `hearth/<runtime>:<digest of its context>`: an agent never starts an image other than its own sources'."""
    digest = hashlib.sha256()
    for path in sorted(p for p in context(runtime).iterdir() if p.is_file()):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"hearth/{runtime}:{digest.hexdigest()[:12]}"
