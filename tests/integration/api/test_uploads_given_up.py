"""Uploads that never come: when they are given up, how many at once, and what that leaves."""

import dataclasses
import time
from typing import Any

import pytest
from chalicelib import clock
from chalicelib.errors import UnavailableError
from chalicelib.functions import uploads as module
from chalicelib.functions.uploads import WAIT_S, Uploads
from chalicelib.wiring import Controller

from tests.integration.api.conftest import Configure, upload
from tests.integration.api.uploading import NEW, OTHER, Bench

pytestmark = [pytest.mark.aws, pytest.mark.redis]


#: A zip is collected so long after its last name: a wait in the queue, three runs of twelve hours, and an hour.
GRACE_S = 21_600 + 3 * 43_200 + 3_600


def at(hearth: Controller, after_s: int) -> Uploads:
    """The use-cases, so much later."""
    return dataclasses.replace(
        hearth.functions.uploads, now_us=lambda: hearth.functions.uploads.now_us() + after_s * 1_000_000
    )


def test_an_upload_that_never_comes_is_given_up_after_a_day_and_not_before(bench: Bench, hearth: Controller) -> None:
    upload(bench.gateway, bench.key, "old")
    bench.begin(**NEW)
    bench.begin(function="old")

    assert at(hearth, WAIT_S - 30).give_up() == 0
    assert (bench.show()["state"], bench.waiting()) == ("Pending", 4)

    assert at(hearth, WAIT_S + 1).give_up() == 2
    assert (bench.show()["state"], bench.show("old")["state"]) == ("Failed", "Active")
    assert (bench.show("old")["last_update"], bench.waiting()) == ("Failed", 0)
    assert "within 24 hours" in bench.show()["reason"]
    assert at(hearth, WAIT_S + 1).give_up() == 0


def test_giving_up_looks_at_a_page_of_what_is_due_and_at_nothing_else(
    bench: Bench, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for name in ("a", "b", "c"):
        bench.begin(**{**NEW, "function": name})

    assert [at(hearth, WAIT_S + 5).give_up() for _ in range(3)] == [2, 1, 0]


def test_one_that_cannot_be_given_up_does_not_hold_up_the_others(
    bench: Bench, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        bench.begin(**{**NEW, "function": name})
    fail = type(hearth.functions.lifecycle).fail

    def only_b(functions: Any, current: Any, failure: Any) -> None:
        if current.version.function == "a":
            raise UnavailableError("The table of functions (DynamoDB)")
        fail(functions, current, failure)

    monkeypatch.setattr(type(hearth.functions.lifecycle), "fail", only_b)

    assert at(hearth, WAIT_S + 5).give_up() == 1
    assert [bench.show(name)["state"] for name in "ab"] == ["Pending", "Failed"]


def test_the_tick_gives_up_uploads_and_collects_zips(
    bench: Bench, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.begin(**NEW)
    upload(bench.gateway, bench.key, "gone")
    bench.gateway.send("DELETE", "/functions/gone", headers=bench.key)
    bench.bring(OTHER, **{**NEW, "function": "kept"})
    now_us = time.time_ns() // 1000
    for after_s, left in ((GRACE_S - 60, 2), (GRACE_S + 60, 1)):
        monkeypatch.setattr(clock, "now_us", lambda after_s=after_s: now_us + after_s * 1_000_000)
        monkeypatch.setattr(clock, "now_s", lambda after_s=after_s: now_us // 1_000_000 + after_s)
        hearth = configure()
        hearth.operations.chores.run()
        assert (
            bench.s3.list_objects_v2(Bucket=hearth.functions.uploads.store.bucket, Prefix="code/")["KeyCount"] == left
        )

    assert bench.show()["state"] == "Failed"
