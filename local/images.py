"""Makes the runtime images the worker starts sandboxes from; what is already there is never built again."""

import io
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
from worker_agent import images

BASE, BASE_TAG = "debian", "bookworm-slim"
DEBIAN = "bookworm"
#: A registry that is not there must not hold up the start: the base can be made here in less than a pull's patience.
PULL_TIMEOUT_S = 20
BUILD_TIMEOUT_S = 600

Note = Callable[[str], None]


def ensure(engine: str, runtime: str, log: Path, note: Note) -> str:
    """Give the name of the runtime's image, building it (and its base) first where it is missing."""
    name = images.image_name(runtime)
    with client(engine, BUILD_TIMEOUT_S) as docker_client:
        if _has(docker_client, name):
            note("already built")
            return name
        base = _ensure_base(engine, docker_client, log)
        _build(docker_client, name, images.context(runtime), log)
        note(f"built on {BASE}:{BASE_TAG}, {base}")
    return name


def _has(docker_client: docker.DockerClient, name: str) -> bool:
    try:
        docker_client.api.inspect_image(name)
    except ImageNotFound:
        return False
    return True


def _ensure_base(engine: str, docker_client: docker.DockerClient, log: Path) -> str:
    """See to it that the base image is there; give a few words on where it came from."""
    if _has(docker_client, f"{BASE}:{BASE_TAG}"):
        return "which was here"
    if _pull_base(engine, log):
        return "pulled"
    _make_base(docker_client, log)
    return "made from Debian's packages as no registry answers"


def _pull_base(engine: str, log: Path) -> bool:
    """Pull the base image; False when no registry gives it."""
    try:
        with client(engine, PULL_TIMEOUT_S) as docker_client:
            docker_client.api.pull(BASE, tag=BASE_TAG)
    except (DockerException, OSError) as error:
        with log.open("a") as file:
            file.write(f"{BASE}:{BASE_TAG} could not be pulled: {error}\n")
        return False
    return True


def _make_base(docker_client: docker.DockerClient, log: Path) -> None:
    """Make the base image from Debian's own packages, under the name a registry would have given it."""
    with tempfile.TemporaryDirectory(prefix="hearth-base-") as folder:
        archive = Path(folder) / "base.tar"
        process.run(["mmdebstrap", "--variant=minbase", DEBIAN, str(archive)], log)
        docker_client.api.import_image_from_file(str(archive), repository=BASE, tag=BASE_TAG)


def _build(docker_client: docker.DockerClient, name: str, context: Path, log: Path) -> None:
    """Build an image from its context and the wheels it pins; raise StackError with the build's last words."""
    with tempfile.TemporaryDirectory(prefix="hearth-wheels-") as folder:
        _download_wheels(context / "requirements.txt", Path(folder), log)
        archive = _archive(context, Path(folder))
    try:
        _, lines = docker_client.images.build(
            fileobj=archive, custom_context=True, tag=name, network_mode="host", rm=True, forcerm=True
        )
    except BuildError as error:
        _write(log, error.build_log)
        raise StackError(f"The image {name} could not be built: {error.msg}\n{process.tail(log)}") from None
    _write(log, lines)


def _write(log: Path, lines: Iterable[Any]) -> None:
    with log.open("a") as file:
        file.writelines(str(line.get("stream", line)) for line in lines)


def _download_wheels(requirements: Path, target: Path, log: Path) -> None:
    """Fetch the wheels on the host, hashes checked: the image then needs no installer and no way to an index."""
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
    command = [sys.executable, "-m", "pip", "download", *options, "--require-hashes", "-r", str(requirements)]
    process.run([*command, "--dest", str(target)], log)


def _archive(context: Path, wheels: Path) -> io.BytesIO:
    """Give the build context as a tar: the folder's files, and the wheels under `wheels/`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(p for p in context.iterdir() if p.is_file()):
            tar.add(path, path.name)
        for path in sorted(wheels.iterdir()):
            tar.add(path, f"wheels/{path.name}")
    archive.seek(0)
    return archive
