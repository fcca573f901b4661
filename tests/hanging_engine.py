"""A Docker Engine that can be made to hang: a unix socket in front of the real one that stops passing bytes on."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REAL_ENGINE = (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://")
CHUNK = 65536


class HangingEngine:
    """Passes every connection on to the real engine, both ways, as long as it is not told to hang."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self._flows = threading.Event()
        self._flows.set()
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def hang(self) -> None:
        """Take connections and bytes, and answer nothing."""
        self._flows.clear()

    def recover(self) -> None:
        """Pass on again, what was sent meanwhile first."""
        self._flows.set()

    def close(self) -> None:
        """Cut every connection."""
        self.recover()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(REAL_ENGINE)
            self._open |= {near, far}
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()
            self._open -= {near, far}

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flows.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def hanging_engine(path: Path) -> Iterator[HangingEngine]:
    """Give an engine that can be made to hang, on a socket at `path`."""
    engine = HangingEngine(path)
    try:
        yield engine
    finally:
        engine.close()
