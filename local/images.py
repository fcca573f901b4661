"""Builds the runtime images from which the worker starts sandboxes, unless they exist already."""

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
#: The first line of each runtime's Dockerfile: a Debian release in its slim form.
FROM = re.compile(rf"^FROM {BASE}:((\w+)-slim)\b", re.MULTILINE)
#: Short, so that a registry that cannot be reached does not hold up the start: the base can be made here instead.
PULL_TIMEOUT_S = 20
BUILD_TIMEOUT_S = 600
PLATFORM = "manylinux2014_x86_64"
#: The timestamp of files without one of their own, so that the same sources give the same image.
EPOCH = {"SOURCE_DATE_EPOCH": "1"}
#: A label of each build's first stage, by which that stage is removed after the build.
BUILD_LABEL = "hearth.build"

Note = Callable[[str], None]


def ensure(engine: str, runtime: str, log: Path, note: Note) -> None:
    """Builds a runtime's image, and its base, if they are missing; notes where it came from and its size."""
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
    """Pulls or makes a runtime's base image if it is missing; returns its name and where it came from."""
    tag, release = base_of(runtime)
    if _has(docker_client, f"{BASE}:{tag}"):
        return f"{BASE}:{tag}, which was there"
    if _pull_base(engine, tag, log):
        return f"{BASE}:{tag}, pulled"
    _make_base(docker_client, release, tag, log)
    return f"{BASE}:{tag}, made from Debian packages, as no registry answered"


def base_of(runtime: str) -> tuple[str, str]:
    """Returns the tag of a runtime's base image, and the Debian release in it."""
    [dockerfile] = [path for path in images.context(runtime) if path.name == "Dockerfile"]
    [(tag, release)] = FROM.findall(dockerfile.read_text())
    return tag, release


def _pull_base(engine: str, tag: str, log: Path) -> bool:
    """Pulls a base image; returns False if no registry provides it."""
    try:
        with client(engine, PULL_TIMEOUT_S) as docker_client:
            docker_client.api.pull(BASE, tag=tag)
    except (DockerException, OSError) as error:
        with log.open("a") as file:
            file.write(f"{BASE}:{tag} could not be pulled: {error}\n")
        return False
    return True


def _make_base(docker_client: docker.DockerClient, release: str, tag: str, log: Path) -> None:
    """Makes a base image from Debian packages, under the name that it has in the registry."""
    with tempfile.TemporaryDirectory(prefix="hearth-base-") as folder:
        archive = Path(folder) / "base.tar"
        make_root(release, archive, log)
        docker_client.api.import_image_from_file(str(archive), repository=BASE, tag=tag)


def make_root(release: str, archive: Path, log: Path) -> None:
    """Makes a tar file of a small Debian system: the same packages give the same bytes."""
    process.run(["mmdebstrap", "--variant=minbase", release, str(archive)], log, {**os.environ, **EPOCH})


def build(docker_client: docker.DockerClient, name: str, runtime: str, log: Path, *, anew: bool = False) -> None:
    """Builds an image from its context and the wheels that it pins; `anew` means without the build cache.

    Raises StackError with the end of the build's output.
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
    # The first stage, from which the image's files were copied, is larger than the image and no longer needed.
    docker_client.images.prune({"dangling": True, "label": f"{BUILD_LABEL}={name}"})


def _write(log: Path, lines: Iterable[Any]) -> None:
    with log.open("a") as file:
        file.writelines(str(line.get("stream", line)) for line in lines)


def _download_wheels(runtime: str, target: Path, log: Path) -> list[Path]:
    """Downloads the wheels that a runtime pins and checks their hashes, so that the build needs no package index."""
    for requirements in (path for path in images.context(runtime) if path.name == "requirements.txt"):
        version = runtime.removeprefix("python")
        options = ["--no-deps", "--only-binary=:all:", "--python-version", version, "--platform", PLATFORM]
        command = [sys.executable, "-m", "pip", "download", *options, "--require-hashes", "-r", str(requirements)]
        process.run([*command, "--dest", str(target)], log)
    return sorted(target.iterdir())


def _archive(files: list[Path], wheels: list[Path]) -> io.BytesIO:
    """Returns the build context as a tar file: the runtime's files, and the wheels under `wheels/`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in files:
            tar.add(path, path.name, filter=_plain)
        for path in wheels:
            tar.add(path, f"wheels/{path.name}", filter=_plain)
    archive.seek(0)
    return archive


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Removes what differs between checkouts of the same sources, as an image must not depend on it."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry
