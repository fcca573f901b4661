"""What is done again and again, whatever fails of it."""

import logging
import threading

import pytest

from worker_agent.errors import RedisUnavailableError
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic


def test_a_part_that_is_down_ends_no_beat_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    down, beats, enough = RedisUnavailableError("Redis failed"), [], threading.Event()

    def act() -> None:
        beats.append(1)
        if len(beats) < 4:
            raise down
        if len(beats) == 5:
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
