"""Runs the platform's chores every minute, each independent of the others."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

logger = logging.getLogger("hearth")


@dataclass(frozen=True)
class Chores:
    """Jobs by name, in their order. Each does a bounded part of its work and returns how much it did."""

    jobs: Mapping[str, Callable[[], int]]

    def run(self) -> None:
        """Run each job once. A failure is logged, and the other jobs run all the same."""
        for name, job in self.jobs.items():
            self._run_apart(name, job)

    def _run_apart(self, name: str, job: Callable[[], int]) -> None:
        try:
            done = job()
        except Exception:
            logger.exception("A chore failed", extra={"action": "chore_failed", "chore": name})
            return
        if done:
            logger.info("A chore did its work", extra={"action": "chore_done", "chore": name, "done": done})
