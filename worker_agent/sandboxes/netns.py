"""Listens on sockets inside a container's network namespace."""

import ctypes
import os
import socket
from dataclasses import dataclass

from worker_agent.threads import in_own_thread

CLONE_NEWNET = 0x40000000
#: Where stock runtime clients look, as AWS_LAMBDA_RUNTIME_API in the images says.
RUNTIME_API = ("127.0.0.1", 9001)
#: Abstract names live in the network namespace too: no path, no mount.
CONTROL = b"\0hearth-control"
LOG = b"\0hearth-log"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Listeners:
    """The three sockets a sandbox finds in its namespace, listening."""

    runtime_api: socket.socket
    control: socket.socket
    log: socket.socket

    def close(self) -> None:
        """Close all three."""
        for listener in (self.runtime_api, self.control, self.log):
            listener.close()


def listen_inside(pid: int) -> Listeners:
    """Bind and listen in the network namespace of process `pid`; raise OSError when it is gone or this is not root."""
    # A network namespace is a thread's own: the sockets keep it when the thread ends, and the agent never left its own.
    return in_own_thread("netns", lambda: _enter_and_listen(pid))


def _enter_and_listen(pid: int) -> Listeners:
    opened: list[socket.socket] = []
    try:
        _enter(pid)
        opened.append(socket.create_server(RUNTIME_API, backlog=16))
        opened.extend(_abstract(name) for name in (CONTROL, LOG))
        return Listeners(*opened)
    except OSError:
        for listener in opened:
            listener.close()
        raise


def _enter(pid: int) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(namespace, CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"setns into the network of process {pid}: {os.strerror(number)}")
    finally:
        os.close(namespace)


def _abstract(name: bytes) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(name)
    listener.listen(1)
    return listener
