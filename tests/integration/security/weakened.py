"""Runs the attacker in a container that the agent's own code makes, weakened in exactly one thing."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import docker
from docker.utils.socket import frames_iter

from security_tests.security_breakout import ATTACKER
from shared_lua.contract import MIB
from worker_agent.sandboxes.engine import CALL_TIMEOUT_S, ContainerSpec, Engine
from worker_agent.sandboxes.images import image_name

Change = Callable[[dict[str, Any]], None]
#: What is done to a started container by its host's process id, for as long as the attacker runs.
Meanwhile = Callable[[int], Any]

READ_PROGRAM = ["python3", "-B", "-"]
ANSWER = "\nimport json\nprint(json.dumps(handler({}, None)))\n"
STDOUT = 1

SPEC = ContainerSpec(
    image=image_name("python3.11"),
    memory_bytes=512 * MIB,
    pids=128,
    open_files=1024,
    tmp_bytes=16 * MIB,
    code_bytes=16 * MIB,
    layer_bytes=16 * MIB,
    labels={"hearth.stack": "tests"},
)


class WeakeningClient:
    """An engine's client that changes what the agent asks for, just before the engine hears it."""

    def __init__(self, client: Any, program: list[str], change: Change) -> None:
        self._client = client
        self._program = program
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_container(self, **asked: Any) -> Any:
        self._change(asked)
        return self._client.create_container(**asked, entrypoint=self._program, stdin_open=True)


@contextmanager
def container(client: Any, program: list[str], change: Change) -> Iterator[str]:
    """A container, not started, that is removed whatever happens."""
    engine = Engine(WeakeningClient(client, program, change))
    made = engine.create(SPEC)
    try:
        yield made
    finally:
        engine.remove(made)


@contextmanager
def client() -> Iterator[Any]:
    opened = docker.APIClient(version="1.41", timeout=CALL_TIMEOUT_S, **docker.utils.kwargs_from_env())
    try:
        yield opened
    finally:
        opened.close()


def attack(change: Change, meanwhile: Meanwhile = lambda _pid: nullcontext()) -> dict[str, Any]:
    """Give what the attacker sees from a sandbox that was changed."""
    with client() as connected, container(connected, READ_PROGRAM, change) as made:
        link = connected.attach_socket(made, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        try:
            pid = Engine(connected).start(made)
            with meanwhile(pid):
                return _run(link)
        finally:
            link._sock.close()  # the library's own `close` leaves the connection open
            link.close()


def _run(link: Any) -> dict[str, Any]:
    """Send the attacker, which the container waits for, and read its answer; the log driver keeps none."""
    program = ATTACKER.read_text() + ANSWER
    link._sock.sendall(program.encode())
    link._sock.shutdown(socket.SHUT_WR)
    frames = list(frames_iter(link, tty=False))
    told = b"".join(data for stream, data in frames if stream == STDOUT)
    assert told, b"".join(data for _, data in frames).decode()
    observed: dict[str, Any] = json.loads(told)
    return observed


@contextmanager
def neighbour() -> Iterator[str]:
    """Another container as the agent makes them, asleep: its id."""
    with client() as connected, container(connected, ["sleep", "600"], lambda _asked: None) as made:
        Engine(connected).start(made)
        yield made
