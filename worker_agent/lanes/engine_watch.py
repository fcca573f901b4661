"""Knows whether the Docker Engine answers, and pings it while it does not.

Warm sandboxes and ready Stems go on without an engine. A start that needs one does not wait for it: a synchronous
caller is refused, and an asynchronous Invocation is deferred.
"""

import threading

from worker_agent.errors import EngineUnavailableError, RedisUnavailableError
from worker_agent.lanes.heartbeat import Heartbeat
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.sandboxes.sandbox import Sandboxes

#: Between two pings while the engine does not answer.
PAUSE_S = 1.0


class EngineWatch:
    """One engine, as this worker last found it. The heartbeat tells the other workers."""

    def __init__(self, sandboxes: Sandboxes, heartbeat: Heartbeat) -> None:
        self._sandboxes = sandboxes
        self._heartbeat = heartbeat
        self._outage = Outage("engine", "warm sandboxes go on, nothing else starts until it answers")
        self._down = threading.Event()
        self._periodic = Periodic("engine-watch", PAUSE_S, self._look_again)

    @property
    def is_down(self) -> bool:
        """Whether the engine did not answer the last time."""
        return self._down.is_set()

    def start(self) -> None:
        """Ping once, remove the containers of dead agents, and begin to watch."""
        self._check()
        self._periodic.start()

    def stop(self) -> None:
        """Stop watching."""
        self._periodic.stop()

    def look(self) -> bool:
        """Ping now, after something failed; return whether the engine answers."""
        try:
            self._sandboxes.check()
        except EngineUnavailableError as error:
            self._went_down(error)
            return False
        return True

    def others_answer(self) -> bool:
        """Whether another worker can start functions; assumed without Redis, where it cannot be known."""
        try:
            return self._heartbeat.others_are_able()
        except RedisUnavailableError:
            return True

    def _look_again(self) -> None:
        if self.is_down:
            self._check()

    def _check(self) -> None:
        """If the engine answers, remove the containers that were left meanwhile and count as able again."""
        try:
            self._sandboxes.check()
            self._sandboxes.sweep()
        except EngineUnavailableError as error:
            self._went_down(error)
            return
        self._down.clear()
        self._outage.over()
        self._heartbeat.set_able(True)

    def _went_down(self, error: EngineUnavailableError) -> None:
        self._outage.met(error)
        self._heartbeat.set_able(False)
        self._down.set()
