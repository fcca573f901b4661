"""Repeats an act at a fixed interval in a background thread."""

from collections.abc import Callable

from worker_agent.errors import PlatformError
from worker_agent.outage import Outage
from worker_agent.threads import Loop


class Periodic(Loop):
    """Calls `act` every `every_s` seconds, the first time after one interval.

    With an `outage`, a PlatformError is logged there and the act is tried again after the interval. Any other error is
    unforeseen: the act is tried again after the loop's own pause, as a whole interval may be more than it can miss.
    """

    def __init__(self, name: str, every_s: float, act: Callable[[], object], outage: Outage | None = None) -> None:
        super().__init__(name, self._wait_and_act)
        self._every_s = every_s
        self._act = act
        self._outage = outage
        self._is_due = False

    def stop(self) -> None:
        """Stop, and wait for the act that is under way."""
        super().stop()
        self.join()

    def _wait_and_act(self) -> None:
        if not self._is_due and self.wait(self._every_s):
            return
        self._is_due = True  # until it was done without an unforeseen error
        self._try()
        self._is_due = False

    def _try(self) -> None:
        try:
            self._act()
        except PlatformError as error:
            if self._outage is None:
                raise
            self._outage.met(error)
        else:
            if self._outage:
                self._outage.over()
