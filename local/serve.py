"""Serves a WSGI application with granian."""

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

#: How long an idle thread is kept. Two hundred callers that come back should not wait for as many new threads.
IDLE_S = 600


def serve(factory: str, port: int, threads: int) -> None:
    """Serves the application that `module:factory` returns on a loopback port until SIGTERM.

    One worker process, as moto keeps its state in memory. A request holds its thread until it is answered, so there
    must be more threads than waiting callers.
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
