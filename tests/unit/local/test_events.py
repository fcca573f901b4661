"""What calls the app's event handlers on one box."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import app
import pytest

from local import events
from local.events import SOURCES, Event, drive, run, ticks


def three(stop: threading.Event) -> Iterator[Event]:
    yield from ({"n": n} for n in range(3))


def test_every_event_reaches_its_handler_in_order() -> None:
    seen: list[Any] = []

    drive("h", lambda event, _context: seen.append(event["n"]), three, threading.Event())

    assert seen == [0, 1, 2]


def test_a_handler_that_fails_is_called_again_for_the_next_event(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def fails_once(event: Event, _context: None) -> None:
        seen.append(event["n"])
        if event["n"] == 0:
            raise ValueError("no")

    with caplog.at_level(logging.INFO):
        drive("h", fails_once, three, threading.Event())

    assert seen == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == ["h failed", "h called", "h called"]


def test_handlers_are_driven_side_by_side_and_end_with_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "TICK_S", 0.01)
    stop = threading.Event()
    both = threading.Barrier(2, action=stop.set, timeout=10)

    run({"a": lambda *_: both.wait(), "b": lambda *_: both.wait()}, {"a": ticks, "b": ticks}, stop)

    assert stop.is_set()


def test_the_clock_is_silent_once_it_is_stopped() -> None:
    stop = threading.Event()
    stop.set()

    assert list(ticks(stop)) == []


def test_every_event_handler_of_the_app_is_called_and_no_other() -> None:
    handlers = {one.name for kind in (app.app.event_sources, app.app.pure_lambda_functions) for one in kind}

    assert SOURCES.keys() == handlers
    assert all(callable(getattr(app, name)) for name in SOURCES)
