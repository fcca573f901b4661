"""Does something again and again in a thread of its own until it is stopped; it knows nothing of what it does."""

import threading
from collections.abc import Callable

from worker_agent.errors import PlatformError
from worker_agent.outage import Outage


class Periodic:
    """One thread that calls `act` every `every_s`. `outage` is told of PlatformErrors; the next beat tries again."""

    def __init__(self, name: str, every_s: float, act: Callable[[], object], outage: Outage | None = None) -> None:
        self._every_s = every_s
        self._act = act
        self._outage = outage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first beat comes after one pause."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the beat that is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_stopping(self) -> bool:
        """Whether a long beat had better end."""
        return self._stopping.is_set()

    def _repeat(self) -> None:
        while not self._stopping.wait(self._every_s):
            if self._outage:
                self._try(self._outage)
            else:
                self._act()

    def _try(self, outage: Outage) -> None:
        try:
            self._act()
            outage.over()
        except PlatformError as error:
            outage.met(error)
