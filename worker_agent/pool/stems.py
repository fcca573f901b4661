"""Keeps Stems ready, so that a cold start assigns a function to a Stem instead of starting a container.

A request that finds no Stem ready waits for one that is started for it; a few are started at once. In the background
Stems are started one at a time: a start costs some 0.1 s of a core, which running functions would miss.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from typing import Any, TypeVar

from worker_agent.errors import EngineUnavailableError, PlatformError
from worker_agent.outage import Outage
from worker_agent.pool.request import Request
from worker_agent.sandboxes.sandbox import Sandboxes, Stem
from worker_agent.threads import Jobs, Loop

#: The pause after a failed start: the engine is down, or an image is missing.
PAUSE_S = 5.0
#: How many are started at once for waiting requests. The engine starts no more a second if it is asked for more.
MAKERS = 4

S = TypeVar("S")


class Stems:
    """Ready Stems by runtime. `targets` says how many of each to keep."""

    def __init__(self, sandboxes: Sandboxes, targets: Mapping[str, int]) -> None:
        self._sandboxes = sandboxes
        self._targets = targets
        self._taken: Counter[tuple[str, bool]] = Counter()
        self._ready: defaultdict[str, deque[Stem]] = defaultdict(deque)
        self._waiting: defaultdict[str, list[Request[Any]]] = defaultdict(list)
        self._makers = Jobs("stem-maker", MAKERS)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._outages = {runtime: Outage("stems", f"no stem of {runtime} is kept ready") for runtime in targets}
        self._loop = Loop("stems", self._refill)

    def start(self) -> None:
        """Begin to keep Stems ready."""
        self._loop.start()

    def take(self, runtime: str, request: Request[Stem | S]) -> Stem | S:
        """Return a Stem, which the caller owns from now on, or what else fulfilled the request before.

        Raises PlatformError when none is ready and none can be started.
        """
        stem = self._take_ready(runtime)
        self._wake.set()
        if stem is None:
            self._order(runtime, request)
        elif request.offer(stem):
            self._count(runtime, was_ready=True)
        else:
            self._give(stem)
        return request.result()

    @property
    def missed(self) -> int:
        """The number of requests that found no Stem ready."""
        return sum(count for (_, was_ready), count in self.takers().items() if not was_ready)

    def takers(self) -> dict[tuple[str, bool], int]:
        """Return the number of Stems taken, by runtime and by whether one was ready."""
        with self._lock:
            return dict(self._taken)

    def count(self) -> dict[str, int]:
        """Return the number of ready Stems by runtime."""
        with self._lock:
            return {runtime: len(ready) for runtime, ready in self._ready.items()}

    def has(self, runtime: str) -> bool:
        """Return whether one is ready."""
        with self._lock:
            return bool(self._ready[runtime])

    def stop(self) -> None:
        """Stop keeping Stems: destroy the ready ones and refuse the requests that wait."""
        self._loop.stop()
        self._wake.set()
        self._loop.join()
        self._makers.shutdown(cancel_futures=True)
        for runtime in list(self._waiting):
            while self._offer(runtime, EngineUnavailableError("the agent stops")):
                pass
        for runtime in self._targets:
            while stem := self._take_ready(runtime):
                stem.destroy("the agent stops")

    def _take_ready(self, runtime: str) -> Stem | None:
        """Return a ready Stem that is alive, None without one; destroy those that died."""
        while True:
            with self._lock:
                stem = self._ready[runtime].popleft() if self._ready[runtime] else None
            if stem is None or stem.alive():
                return stem
            stem.destroy("it died before it was taken")

    def _order(self, runtime: str, request: Request[Any]) -> None:
        with self._lock:
            self._waiting[runtime].append(request)
        try:
            self._makers.submit(self._make_for_one, runtime)
        except RuntimeError:  # no maker takes anything any more
            raise EngineUnavailableError("the agent stops") from None

    def _make_for_one(self, runtime: str) -> None:
        """Start a Stem for a waiting request, if there still is one."""
        if not self._next(runtime):
            return
        try:
            self._give(self._sandboxes.make_stem(runtime))
        except Exception as error:  # noqa: BLE001  (it is raised where the request waits)
            self._offer(runtime, error)

    def _give(self, stem: Stem) -> None:
        """Fulfil a waiting request with a Stem, or keep it ready if there is none."""
        if self._offer(stem.runtime, stem):
            self._count(stem.runtime, was_ready=False)
            return
        with self._lock:
            self._ready[stem.runtime].append(stem)

    def _offer(self, runtime: str, thing: Stem | Exception) -> bool:
        while request := self._next(runtime):
            if request.offer(thing):
                return True
        return False

    def _next(self, runtime: str) -> Request[Any] | None:
        """Return a waiting request of the tenant that has the fewest, so that no flood holds up another's start."""
        with self._lock:
            waiting = self._waiting[runtime] = [one for one in self._waiting[runtime] if not one.done()]
        by_tenant = Counter(one.tenant for one in waiting)
        return min(waiting, key=lambda one: by_tenant[one.tenant], default=None)

    def _count(self, runtime: str, *, was_ready: bool) -> None:
        with self._lock:
            self._taken[runtime, was_ready] += 1

    def _refill(self) -> None:
        """Start the Stems that are missing, then wait until one is taken."""
        filled = [self._fill(runtime, target) for runtime, target in self._targets.items()]
        self._wake.wait(None if all(filled) else PAUSE_S)
        self._wake.clear()  # after the wait: a Stem taken or a stop from here on is seen before the next wait

    def _fill(self, runtime: str, target: int) -> bool:
        """Start Stems of a runtime until the target is reached; False when that failed."""
        try:
            while not self._loop.is_stopping and len(self._ready[runtime]) < target:
                self._give(self._sandboxes.make_stem(runtime))
        except PlatformError as error:
            self._outages[runtime].met(error)
            return False
        self._outages[runtime].over()
        return True
