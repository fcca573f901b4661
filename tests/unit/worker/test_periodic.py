"""Acts that are repeated at an interval, and what happens when they fail."""

import logging
import threading

import pytest

from worker_agent.errors import RedisUnavailableError
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic


def test_an_outage_stops_nothing_and_is_logged_once_at_its_begin_and_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    down, acts, enough = RedisUnavailableError("Redis failed"), [], threading.Event()

    def act() -> None:
        acts.append(1)
        if len(acts) < 4:
            raise down
        if len(acts) == 5:
            enough.set()

    periodic = Periodic("test", 0.001, act, Outage("test", "it waits"))
    periodic.start()
    assert enough.wait(10)
    periodic.stop()

    assert [record.getMessage() for record in caplog.records] == ["it waits: Redis failed", "it answers again"]


def test_one_that_was_never_started_can_be_stopped() -> None:
    periodic = Periodic("test", 60, lambda: None)

    periodic.stop()

    assert periodic.is_stopping
