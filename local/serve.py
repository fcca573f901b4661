"""Runs one of our WSGI applications under granian; it knows nothing of what it serves."""

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

#: How long a thread without work is kept: a crowd that comes back must not wait for two hundred to be made again.
IDLE_S = 600


def serve(factory: str, port: int, threads: int) -> None:
    """Serve `module:factory` on a port of loopback until SIGTERM, with one worker process.

    One process, as moto keeps its state in memory. A request holds its thread until it is answered, so there must be
    more threads than callers who wait.
    """
    Granian(
        factory,
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads,
        blocking_threads_idle_timeout=IDLE_S,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=3,
    ).serve()
