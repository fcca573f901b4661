"""Keeps Stems ready, so that a cold start is an assignment and not a container's start; never assigns one itself.

Takers never wait for the keeper: who finds none makes one, and that is counted. One thread makes new ones in the
background, one at a time: a start costs some 0.1 s of a core, which running functions would miss.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping

from worker_agent.errors import PlatformError
from worker_agent.outage import Outage
from worker_agent.sandbox import Sandboxes, Stem

#: After a failure to make one: the engine is down, or an image is missing.
PAUSE_S = 5.0


class Stems:
    """Ready Stems by runtime. `wanted` says how many of each to keep."""

    def __init__(self, sandboxes: Sandboxes, wanted: Mapping[str, int]) -> None:
        self._sandboxes = sandboxes
        self._wanted = wanted
        self._given: Counter[tuple[str, bool]] = Counter()
        self._ready: defaultdict[str, deque[Stem]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._outages = {runtime: Outage("stems", f"no stem of {runtime} can be kept ready") for runtime in wanted}
        self._thread = threading.Thread(target=self._keep, name="stems", daemon=True)

    def start(self) -> None:
        """Begin to keep Stems ready."""
        self._thread.start()

    def take(self, runtime: str) -> Stem:
        """Give a Stem that is the taker's from now on; raise PlatformError when none is ready and none can be made."""
        stem = self._take_ready(runtime)
        self._wake.set()
        with self._lock:
            self._given[runtime, stem is not None] += 1
        return stem or self._sandboxes.make_stem(runtime)

    @property
    def missed(self) -> int:
        """How many takers found none ready."""
        return sum(count for (_, was_ready), count in self.takers().items() if not was_ready)

    def takers(self) -> dict[tuple[str, bool], int]:
        """Give how many takers there were, by runtime and by whether one was ready."""
        with self._lock:
            return dict(self._given)

    def count(self) -> dict[str, int]:
        """Give how many are ready, by runtime."""
        with self._lock:
            return {runtime: len(ready) for runtime, ready in self._ready.items()}

    def has(self, runtime: str) -> bool:
        """Tell whether one is ready."""
        with self._lock:
            return bool(self._ready[runtime])

    def stop(self) -> None:
        """Keep none any more: end those that are ready."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for runtime in self._wanted:
            while stem := self._take_ready(runtime):
                stem.destroy("the agent stops")

    def _take_ready(self, runtime: str) -> Stem | None:
        """Give a ready Stem that still lives, ending those that do not."""
        while True:
            with self._lock:
                stem = self._ready[runtime].popleft() if self._ready[runtime] else None
            if stem is None or stem.alive():
                return stem
            stem.destroy("it died while it waited")

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            filled = [self._fill(runtime, wanted) for runtime, wanted in self._wanted.items()]
            self._wake.wait(None if all(filled) else PAUSE_S)

    def _fill(self, runtime: str, wanted: int) -> bool:
        """Make Stems of a runtime until there are as many as wanted; False when that failed."""
        try:
            while not self._stopping.is_set() and len(self._ready[runtime]) < wanted:
                stem = self._sandboxes.make_stem(runtime)
                with self._lock:
                    self._ready[runtime].append(stem)
        except PlatformError as error:
            self._outages[runtime].met(error)
            return False
        self._outages[runtime].over()
        return True
