"""Asks the Docker Engine whether it answers, and which containers a stack has; images are elsewhere."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import APIError, DockerException, NotFound

from local.errors import StackError
from worker_agent.sandboxes.ownership import STACK_LABEL

SETTING = "DOCKER_HOST"
DEFAULT_ENGINE = "unix:///var/run/docker.sock"
SCHEME = "unix://"


def address() -> str:
    """Returns the engine's address: DOCKER_HOST if it is set, else the usual socket."""
    return os.environ.get(SETTING) or DEFAULT_ENGINE


@contextmanager
def client(engine: str, timeout_s: float = 60) -> Iterator[docker.DockerClient]:
    """Yields a client of this engine and closes it."""
    connected = docker.DockerClient(base_url=engine, timeout=timeout_s)
    try:
        yield connected
    finally:
        connected.close()


def answers(engine: str) -> bool:
    """Returns whether an engine on this machine answers at this address.

    The worker enters its containers' namespaces, so an engine on another machine is of no use to it.
    """
    if not engine.startswith(SCHEME):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(3)
        try:
            link.connect(engine.removeprefix(SCHEME))
            link.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return link.recv(64).startswith(b"HTTP/1")
        except OSError:
            return False


def count(engine: str, stack: str) -> int:
    """Returns how many containers a stack has; raises StackError if the engine does not say."""
    try:
        with client(engine, timeout_s=10) as docker_client:
            return len(_of(docker_client, stack))
    except (DockerException, OSError) as error:
        raise StackError(f"The Docker Engine at {engine} cannot be asked: {error}") from None


def remove_all(engine: str, stack: str) -> int:
    """Removes every container of a stack and returns how many there were; 0 if no engine answers."""
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
        if error.status_code != 409:  # 409: it is already being removed
            raise
