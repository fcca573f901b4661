"""Runs the schedules that are due, each due time once, however many processes try at the same time.

For each schedule: enqueue an Invocation whose id is made of schedule and due time, then move the schedule on. When a
process dies between the two, the next run of the timer finds the id taken, enqueues nothing and moves the schedule on.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.admission.request import InvokeRequest
from chalicelib.errors import ConflictError, HearthError, NotFoundError
from chalicelib.invocations.invoke import Invoker
from chalicelib.naming import Home, account
from chalicelib.schedules.store import Schedule, Schedules, Waiting
from shared_lua.contract import LATEST, Mode

#: One run of the timer stops after this long, well before Lambda would end it between two steps. The next one goes on.
BUDGET_S = 20.0
PAGE = 50

logger = logging.getLogger("hearth")


@dataclass(frozen=True, kw_only=True)
class Due:
    """The timer's job for schedules."""

    schedules: Schedules
    invoker: Invoker
    home: Home
    now_us: Callable[[], int]
    monotonic_s: Callable[[], float]

    def run(self) -> int:
        """Run the schedules that are due by now and return how many ran. One that fails is left to the next minute."""
        give_up_s = self.monotonic_s() + BUDGET_S
        ran = 0
        for waiting in self._waiting():
            if self.monotonic_s() > give_up_s:
                logger.warning("More schedules were due than one minute could run", extra={"action": "timer_cut_short"})
                break
            ran += self._run_apart(waiting)
        return ran

    def _waiting(self) -> Iterator[Waiting]:
        """Yield all due times that have passed, the earliest first."""
        now_s = self.now_us() // 1_000_000
        after: str | None = None
        while True:
            page, after = self.schedules.due(after, PAGE)
            for waiting in page:
                if waiting.due_s > now_s:
                    return
                yield waiting
            if after is None:
                return

    def _run_apart(self, waiting: Waiting) -> bool:
        try:
            return self._run_one(waiting)
        except HearthError:
            logger.warning("A schedule did not run", exc_info=True, extra=_about("schedule_failed", waiting))
            return False

    def _run_one(self, waiting: Waiting) -> bool:
        """Enqueue the Invocation that is due and move its schedule on.

        False when another process does, or has done, so.
        """
        schedule = self.schedules.find(waiting.tenant, waiting.function, waiting.schedule_id)
        if schedule is None or schedule.due_s != waiting.due_s:
            self.schedules.drop(waiting)
            return False
        try:
            if not self.invoker.queue_once(schedule.tenant, self._request(schedule), schedule.invocation_id()):
                return False
        except (NotFoundError, ConflictError):  # no alias or no code: the schedule goes on, as EventBridge's would
            logger.warning("A schedule found nothing to run", extra=_about("schedule_missed", waiting))
        return self.schedules.move_on(schedule)

    def _request(self, schedule: Schedule) -> InvokeRequest:
        event = schedule.wanted.input if schedule.wanted.input is not None else self._event(schedule)
        qualifier = None if schedule.wanted.qualifier == LATEST else schedule.wanted.qualifier
        return InvokeRequest(function=schedule.function, event=event.encode(), mode=Mode.ASYNC, qualifier=qualifier)

    def _event(self, schedule: Schedule) -> str:
        """Return an event like that of EventBridge's scheduled rules."""
        account_id = account(schedule.tenant)
        event = {
            "version": "0",
            "id": schedule.invocation_id(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account_id,
            "time": datetime.fromtimestamp(schedule.due_s or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.home.region,
            "resources": [f"arn:aws:events:{self.home.region}:{account_id}:rule/{schedule.schedule_id}"],
            "detail": {},
        }
        return json.dumps(event, separators=(",", ":"))


def _about(action: str, waiting: Waiting) -> dict[str, str]:
    return {
        "action": action,
        "tenant": waiting.tenant,
        "function": waiting.function,
        "schedule": waiting.schedule_id,
    }
