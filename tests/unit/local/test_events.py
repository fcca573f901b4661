"""What calls the app's event handlers on one box."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import app
import pytest
from chalicelib import event_sources

from local import events
from local.events import SOURCES, Event, drive, run, timer, uploads
from local.uploaded import Bucket


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


def test_a_source_that_fails_is_opened_anew() -> None:
    seen: list[int] = []

    def broken_once(stop: threading.Event) -> Iterator[Event]:
        if not seen:
            yield {"n": 7}
            raise ValueError("nobody foresaw this")
        yield from three(stop)
        stop.set()

    run({"h": lambda event, _context: seen.append(event["n"])}, {"h": broken_once}, threading.Event())

    assert seen == [7, 0, 1, 2]


def test_handlers_are_driven_side_by_side_and_end_with_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "TIMER_S", 0.01)
    stop = threading.Event()
    both = threading.Barrier(2, action=stop.set, timeout=10)

    run({"a": lambda *_: both.wait(), "b": lambda *_: both.wait()}, {"a": timer, "b": timer}, stop)

    assert stop.is_set()


def test_the_clock_is_silent_once_it_is_stopped() -> None:
    stop = threading.Event()
    stop.set()

    assert list(timer(stop)) == []


class Listed:
    """A bucket with other objects each time it is listed; the last listing stops the source."""

    name = "the-bucket"

    def __init__(self, stop: threading.Event, *listings: dict[str, str]) -> None:
        self._stop, self._listings = stop, list(listings)

    def objects(self, prefix: str) -> dict[str, str]:
        assert prefix == "uploads/"
        found = self._listings.pop(0)
        if not self._listings:
            self._stop.set()
        return found


def sent(monkeypatch: pytest.MonkeyPatch, *listings: dict[str, str]) -> list[str]:
    stop = threading.Event()
    monkeypatch.setattr(events, "UPLOADS_EVERY_S", 0.001)
    monkeypatch.setattr(Bucket, "from_env", lambda _environ: Listed(stop, *listings))
    bodies = [record["body"] for event in uploads(stop) for record in event["Records"]]
    return [key for body in bodies for key in event_sources.created_keys(body)]


def test_an_upload_is_one_event_and_another_when_its_content_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = sent(monkeypatch, {}, {"a 1": "uploads/t/a b"}, {"a 1": "uploads/t/a b"}, {"a 2": "uploads/t/a b", "c": "c"})

    assert keys == ["uploads/t/a b", "uploads/t/a b", "c"]


def test_an_upload_that_stays_is_an_event_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "REPEAT_S", 0)

    assert sent(monkeypatch, {"a": "a"}, {"a": "a"}) == ["a", "a"]


def test_every_event_handler_of_the_app_is_called_and_no_other() -> None:
    handlers = {one.name for kind in (app.app.event_sources, app.app.pure_lambda_functions) for one in kind}

    assert SOURCES.keys() == handlers
    assert all(callable(getattr(app, name)) for name in SOURCES)
