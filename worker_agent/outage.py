"""Logs an outage when it begins and when it ends, and not at every call that fails meanwhile."""

from worker_agent import log


class Outage:
    """The outages of one part, logged as `<action>_down`, with the consequence, and `<action>_back`."""

    def __init__(self, action: str, consequence: str) -> None:
        self._action = action
        self._consequence = consequence
        self._is_on = False

    def met(self, error: Exception) -> None:
        """Note that the part failed."""
        if not self._is_on:
            log.warn(f"{self._action}_down", f"{self._consequence}: {error}")
        self._is_on = True

    def over(self) -> None:
        """Note that the part answered."""
        if self._is_on:
            log.note(f"{self._action}_back", "it answers again")
        self._is_on = False
