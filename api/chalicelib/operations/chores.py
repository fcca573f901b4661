"""What is to be done every minute, each apart from the others; never what one of them is about."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

logger = logging.getLogger("hearth")


@dataclass(frozen=True)
class Chores:
    """Jobs by name, in their order; each gives how much it did, and does a bounded part of what there is at a time."""

    jobs: Mapping[str, Callable[[], int]]

    def run(self) -> None:
        """Do each job once. One that fails is the log's, and the others are done all the same."""
        for name, job in self.jobs.items():
            self._run_apart(name, job)

    def _run_apart(self, name: str, job: Callable[[], int]) -> None:
        try:
            done = job()
        except Exception:
            logger.exception("A job of the tick failed", extra={"action": "chore_failed", "chore": name})
            return
        if done:
            logger.info("A job of the tick did its work", extra={"action": "chore_done", "chore": name, "done": done})
