"""The names of the runtimes' images, by the digest of what they are built from."""

import functools
import hashlib
from pathlib import Path

#: One folder per runtime, and `shared`, whose files are part of every runtime's build context.
RUNTIMES = Path(__file__).resolve().parent.parent / "runtimes"
SHARED = RUNTIMES / "shared"


def offered() -> list[str]:
    """Return the runtimes that can be built, sorted."""
    return sorted(path.parent.name for path in RUNTIMES.glob("*/Dockerfile"))


def context(runtime: str) -> list[Path]:
    """Return the files a runtime's image is built from, sorted by the names they have in the build."""
    files = [*SHARED.iterdir(), *(RUNTIMES / runtime).iterdir()]
    return sorted((path for path in files if path.is_file()), key=lambda path: path.name)


@functools.cache
def image_name(runtime: str) -> str:
    """Return `hearth/<runtime>:<digest of its context>`, so that an agent starts only the image of its own sources."""
    digest = hashlib.sha256()
    for path in context(runtime):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"hearth/{runtime}:{digest.hexdigest()[:12]}"
