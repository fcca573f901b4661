"""What the stack asks of the Docker Engine beside images: does it answer, and what of ours is there."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import APIError, NotFound

from worker_agent.sandboxes.ownership import STACK_LABEL

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
_SCHEME = "unix://"


def address() -> str:
    """Give where the engine is: what DOCKER_HOST says, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE


@contextmanager
def client(engine: str, timeout_s: float = 60) -> Iterator[docker.DockerClient]:
    """Give a client of this engine for the length of a `with`."""
    connected = docker.DockerClient(base_url=engine, timeout=timeout_s)
    try:
        yield connected
    finally:
        connected.close()


def answers(engine: str) -> bool:
    """Say whether an engine of this machine answers at this address; another machine's is of no use to the worker."""
    if not engine.startswith(_SCHEME):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(3)
        try:
            link.connect(engine.removeprefix(_SCHEME))
            link.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return link.recv(64).startswith(b"HTTP/1")
        except OSError:
            return False


def count(engine: str, stack: str) -> int:
    """Give how many containers a stack has."""
    with client(engine) as docker_client:
        return len(_of(docker_client, stack))


def remove_all(engine: str, stack: str) -> int:
    """Remove every container of a stack and give how many there were; nothing to do where no engine answers."""
    if not answers(engine):
        return 0
    with client(engine) as docker_client:
        found = _of(docker_client, stack)
        for container_id in found:
            _remove(docker_client, container_id)
        return len(found)


def _of(docker_client: docker.DockerClient, stack: str) -> list[str]:
    found = docker_client.api.containers(all=True, filters={"label": f"{STACK_LABEL}={stack}"})
    return [container["Id"] for container in found]


def _remove(docker_client: docker.DockerClient, container_id: str) -> None:
    try:
        docker_client.api.remove_container(container_id, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # 409: its removal is already under way
            raise
