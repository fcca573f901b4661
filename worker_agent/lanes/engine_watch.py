"""Knows whether the Docker Engine answers, and watches it while it does not; never holds up work that needs no engine.

Warm sandboxes and ready Stems go on without an engine. What needs one must not wait for it: a caller is better told so,
and work that nobody waits for is better put off.
"""

import threading

from worker_agent.errors import EngineUnavailableError, RedisUnavailableError
from worker_agent.lanes.heartbeat import Heartbeat
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.sandboxes.sandbox import Sandboxes

#: Between two looks while it does not answer.
PAUSE_S = 1.0


class EngineWatch:
    """One engine, as this worker last found it. Its word goes to the other workers through `presence`."""

    def __init__(self, sandboxes: Sandboxes, heartbeat: Heartbeat) -> None:
        self._sandboxes = sandboxes
        self._heartbeat = heartbeat
        self._outage = Outage("engine", "what is warm goes on, nothing else starts until it answers")
        self._down = threading.Event()
        self._periodic = Periodic("engine-watch", PAUSE_S, self._look_again)

    @property
    def is_down(self) -> bool:
        """Whether the engine did not answer when it was last looked at."""
        return self._down.is_set()

    def start(self) -> None:
        """Look once, removing what dead agents left behind, and begin to watch."""
        self._mend()
        self._periodic.start()

    def stop(self) -> None:
        """Watch no more."""
        self._periodic.stop()

    def look(self) -> bool:
        """Look now, after something failed; give whether the engine answers."""
        try:
            self._sandboxes.check()
        except EngineUnavailableError as error:
            self._went_down(error)
            return False
        return True

    def others_answer(self) -> bool:
        """Tell whether another worker can start functions, or may: without Redis nobody can say."""
        try:
            return self._heartbeat.others_are_able()
        except RedisUnavailableError:
            return True

    def _look_again(self) -> None:
        if self.is_down:
            self._mend()

    def _mend(self) -> None:
        """Find the engine well again, if it is, and sweep up what it kept meanwhile."""
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
