"""Checks that the runtime images are reproducible: builds each a second time, under another name, and compares.

`make verify-images` runs it while an engine runs that has the images.
"""

import hashlib
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import docker

from local import images
from local.containers import address, client
from local.errors import StackError
from local.progress import say
from worker_agent.sandboxes.images import image_name, offered

#: The name of the second build, which is removed afterwards.
AGAIN = "hearth/verify:again"
SAVE_TIMEOUT_S = 600
#: How many differences are shown for each image, as one cause often affects many files.
SHOWN = 20


@dataclass(frozen=True)
class Entry:
    """One file of an image, with all that a sandbox can see of it."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    target: str
    mtime: int
    size: int
    sha256: str


def main(_: list[str]) -> int:
    """Checks every image; returns 0 if all builds are the same byte for byte, else 1."""
    with tempfile.TemporaryDirectory(prefix="hearth-verify-") as folder:
        log = Path(folder) / "build.log"
        with client(address(), SAVE_TIMEOUT_S) as engine:
            for base in sorted({images.base_of(runtime) for runtime in offered()}):
                _compare_base(engine, *base, Path(folder), log)
            same = [_verify(engine, runtime, Path(folder), log) for runtime in offered()]
    return 0 if all(same) else 1


def _compare_base(engine: docker.DockerClient, tag: str, release: str, folder: Path, log: Path) -> None:
    """Prints whether a base image equals one made now. If it does not, it was pulled or Debian has newer packages."""
    name, archive = f"{images.BASE}:{tag}", folder / "base.tar"
    images.make_root(release, archive, log)
    digest = "sha256:" + _digest(archive.open("rb"))
    archive.unlink()
    same = _layers(engine, name) == [digest]
    say(f"  {name:<24} {'the same' if same else 'not the same: pulled, or of other packages'}, {digest}")


def _verify(engine: docker.DockerClient, runtime: str, folder: Path, log: Path) -> bool:
    """Builds an image again and compares its layers with those in use; prints the files that differ."""
    name = image_name(runtime)
    with _built_again(engine, runtime, log):
        first, second = _layers(engine, name), _layers(engine, AGAIN)
        size = engine.api.inspect_image(name)["Size"] / 1_000_000
        if first == second:
            say(f"  {runtime:<24} the same, {size:.0f} MB, {first[-1]}")
            return True
        say(f"  {runtime:<24} NOT the same, {size:.0f} MB:")
        for line in differences(_entries(engine, name, folder), _entries(engine, AGAIN, folder))[:SHOWN]:
            say(f"    {line}")
    return False


@contextmanager
def _built_again(engine: docker.DockerClient, runtime: str, log: Path) -> Iterator[None]:
    images.build(engine, AGAIN, runtime, log, anew=True)
    try:
        yield
    finally:
        engine.images.remove(AGAIN)


def _layers(engine: docker.DockerClient, name: str) -> list[str]:
    """Returns the digests of an image's layers, uncompressed."""
    try:
        layers: list[str] = engine.api.inspect_image(name)["RootFS"]["Layers"]
    except docker.errors.ImageNotFound:
        raise StackError(f"{name} is missing: build it with `make images`.") from None
    return layers


def _entries(engine: docker.DockerClient, name: str, folder: Path) -> dict[str, Entry]:
    """Returns every file of an image by its path, from the last layer that has it."""
    saved = folder / "image.tar"
    with saved.open("wb") as file:
        file.writelines(engine.images.get(name).save())
    found: dict[str, Entry] = {}
    with tarfile.open(saved) as outer:
        for member in outer:
            if member.name.endswith("layer.tar"):
                with tarfile.open(fileobj=outer.extractfile(member)) as layer:
                    found |= {entry.name: _entry(layer, entry) for entry in layer}
    saved.unlink()
    return found


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    content = layer.extractfile(member) if member.isreg() else None
    return Entry(
        kind=member.type,
        mode=member.mode,
        owner=(member.uid, member.gid),
        target=member.linkname,
        mtime=int(member.mtime),
        size=member.size,
        sha256=_digest(content) if content else "",
    )


def differences(one: dict[str, Entry], other: dict[str, Entry]) -> list[str]:
    """Returns a line for each path that is missing in one of the two, and for each property that differs."""
    lines = [f"/{path}: only in {'the second' if path in other else 'the first'}" for path in one.keys() ^ other.keys()]
    for path in one.keys() & other.keys():
        before, after = vars(one[path]), vars(other[path])
        changed = [what for what in before if before[what] != after[what]]
        lines += [f"/{path}: {what} {before[what]!r}, then {after[what]!r}" for what in changed]
    return sorted(lines)


def _digest(file: IO[bytes]) -> str:
    with file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
