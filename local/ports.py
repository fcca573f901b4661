"""Chooses ports of loopback; it never holds one."""

import socket


def free_port() -> int:
    """Give a port of loopback that nothing listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of loopback now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def choose(wanted: int) -> int:
    """Give the wanted port, or a free one when it is taken."""
    return wanted if is_free(wanted) else free_port()
