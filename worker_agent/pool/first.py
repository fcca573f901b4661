"""Lets somebody wait for the first of several things that would do; whoever comes second keeps what it has."""

import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class First(Generic[T]):
    """One who waits. `tenant` is whom it is for: who gives may look whose turn it is."""

    tenant: str = ""
    _came: list[T | Exception] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ready: threading.Event = field(default_factory=threading.Event)

    def offer(self, thing: T | Exception) -> bool:
        """Give what does, or what is to be raised; False when something came before, and this stays the giver's."""
        with self._lock:
            if self._came:
                return False
            self._came.append(thing)
        self._ready.set()
        return True

    @property
    def came(self) -> T | Exception | None:
        """What came first; None until then."""
        return self._came[0] if self._came else None

    def wait_for(self, seconds: float) -> None:
        """Wait until something came, but not longer than this."""
        self._ready.wait(seconds)

    def wait(self) -> T:
        """Give what came first, as soon as it comes; raise it if that is what it is for."""
        self._ready.wait()
        [thing] = self._came
        if isinstance(thing, Exception):
            raise thing
        return thing
