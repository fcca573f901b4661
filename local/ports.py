"""Chooses and reserves ports on the loopback interface."""

import socket

from local.errors import StackError

MAX_PORT = 65_535


def free_port() -> int:
    """Returns a port on which nothing listens right now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Returns whether a server could listen on this port now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def reserve(port: int) -> socket.socket:
    """Returns a socket that keeps a free port from all others for as long as it is open.

    It does not listen. A server that sets SO_REUSEPORT, as granian does, can still start on the port, and again after a
    crash. Without the reservation a second stack would choose the same port while this one starts, and its server
    would then share the port with ours.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", port))
    return holder


def choose(usual: int) -> int:
    """Returns the usual port, or another one if it is taken."""
    return usual if is_free(usual) else free_port()


def require(setting: str, value: str | int) -> int:
    """Returns a port that the user has named in `setting`; raises StackError if it cannot be used."""
    if not str(value).isdecimal() or not 1 <= int(value) <= MAX_PORT:
        raise StackError(f"{setting} must be a port, a number from 1 to {MAX_PORT}, not {value!r}.")
    if not is_free(int(value)):
        raise StackError(f"{setting} is {value}, but that port is in use: stop what listens there, or name another.")
    return int(value)
