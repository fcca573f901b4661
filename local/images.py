"""Makes the runtime images the worker starts sandboxes from; what is already there is never built again."""

import io
import os
import re
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import docker
from docker.errors import BuildError, DockerException, ImageNotFound

from local import process
from local.containers import client
from local.errors import StackError
from worker_agent.sandboxes import images

BASE = "debian"
#: What a Dockerfile of ours begins with: Debian's release, in its slim form.
FROM = re.compile(rf"^FROM {BASE}:((\w+)-slim)\b", re.MULTILINE)
#: A registry that is not there must not hold up the start: the base can be made here in less than a pull's patience.
PULL_TIMEOUT_S = 20
BUILD_TIMEOUT_S = 600
PLATFORM = "manylinux2014_x86_64"
#: The time given to what has none of its own: packages bring theirs.
EPOCH = {"SOURCE_DATE_EPOCH": "1"}
#: Carried by the first stage of every build, so that exactly that can be thrown away afterwards.
BUILD_LABEL = "hearth.build"

Note = Callable[[str], None]


def ensure(engine: str, runtime: str, log: Path, note: Note) -> None:
    """See to it that the runtime's image is there, building it (and its base) where it is missing; note its size."""
    name = images.image_name(runtime)
    with client(engine, BUILD_TIMEOUT_S) as docker_client:
        how = "already built"
        if not _has(docker_client, name):
            base = _ensure_base(engine, docker_client, runtime, log)
            build(docker_client, name, runtime, log)
            how = f"built on {base}"
        note(f"{how}, {docker_client.api.inspect_image(name)['Size'] / 1_000_000:.0f} MB")


def _has(docker_client: docker.DockerClient, name: str) -> bool:
    try:
        docker_client.api.inspect_image(name)
    except ImageNotFound:
        return False
    return True


def _ensure_base(engine: str, docker_client: docker.DockerClient, runtime: str, log: Path) -> str:
    """See to it that a runtime's base image is there; give its name and a few words on where it came from."""
    tag, release = base_of(runtime)
    if _has(docker_client, f"{BASE}:{tag}"):
        return f"{BASE}:{tag}, which was here"
    if _pull_base(engine, tag, log):
        return f"{BASE}:{tag}, pulled"
    _make_base(docker_client, release, tag, log)
    return f"{BASE}:{tag}, made from Debian's packages as no registry answers"


def base_of(runtime: str) -> tuple[str, str]:
    """Give the tag of a runtime's base image, and Debian's release in it."""
    [dockerfile] = [path for path in images.context(runtime) if path.name == "Dockerfile"]
    [(tag, release)] = FROM.findall(dockerfile.read_text())
    return tag, release


def _pull_base(engine: str, tag: str, log: Path) -> bool:
    """Pull a base image; False when no registry gives it."""
    try:
        with client(engine, PULL_TIMEOUT_S) as docker_client:
            docker_client.api.pull(BASE, tag=tag)
    except (DockerException, OSError) as error:
        with log.open("a") as file:
            file.write(f"{BASE}:{tag} could not be pulled: {error}\n")
        return False
    return True


def _make_base(docker_client: docker.DockerClient, release: str, tag: str, log: Path) -> None:
    """Make a base image from Debian's own packages, under the name a registry would have given it."""
    with tempfile.TemporaryDirectory(prefix="hearth-base-") as folder:
        archive = Path(folder) / "base.tar"
        make_root(release, archive, log)
        docker_client.api.import_image_from_file(str(archive), repository=BASE, tag=tag)


def make_root(release: str, archive: Path, log: Path) -> None:
    """Make a tar of a small Debian root: the same packages give the same bytes."""
    process.run(["mmdebstrap", "--variant=minbase", release, str(archive)], log, {**os.environ, **EPOCH})


def build(docker_client: docker.DockerClient, name: str, runtime: str, log: Path, *, anew: bool = False) -> None:
    """Build an image from its context and the wheels it pins, `anew` without what earlier builds have left.

    Raises StackError with the build's last words.
    """
    with tempfile.TemporaryDirectory(prefix="hearth-wheels-") as folder:
        archive = _archive(images.context(runtime), _download_wheels(runtime, Path(folder), log))
    try:
        _, lines = docker_client.images.build(
            fileobj=archive,
            custom_context=True,
            tag=name,
            buildargs={"IMAGE": name},
            network_mode="host",
            rm=True,
            forcerm=True,
            nocache=anew,
        )
    except BuildError as error:
        _write(log, error.build_log)
        raise StackError(f"The image {name} could not be built: {error.msg}\n{process.tail(log)}") from None
    _write(log, lines)
    # The stage that the image was copied out of is larger than the image, and of no more use.
    docker_client.images.prune({"dangling": True, "label": f"{BUILD_LABEL}={name}"})


def _write(log: Path, lines: Iterable[Any]) -> None:
    with log.open("a") as file:
        file.writelines(str(line.get("stream", line)) for line in lines)


def _download_wheels(runtime: str, target: Path, log: Path) -> list[Path]:
    """Fetch the wheels a runtime pins, hashes checked: the image then needs no installer and no way to an index."""
    for requirements in (path for path in images.context(runtime) if path.name == "requirements.txt"):
        version = runtime.removeprefix("python")
        options = ["--no-deps", "--only-binary=:all:", "--python-version", version, "--platform", PLATFORM]
        command = [sys.executable, "-m", "pip", "download", *options, "--require-hashes", "-r", str(requirements)]
        process.run([*command, "--dest", str(target)], log)
    return sorted(target.iterdir())


def _archive(files: list[Path], wheels: list[Path]) -> io.BytesIO:
    """Give the build context as a tar: the runtime's files, and the wheels under `wheels/`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in files:
            tar.add(path, path.name, filter=_plain)
        for path in wheels:
            tar.add(path, f"wheels/{path.name}", filter=_plain)
    archive.seek(0)
    return archive


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take off a file what differs between checkouts of the same sources: an image must not depend on it."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry
