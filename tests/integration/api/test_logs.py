"""A function's Invocations and logs in the REST API, also while they run."""

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
import redis
from chalicelib.wiring import Controller

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import LiveLog, Outcome, Status
from tests.apigateway import Answer
from tests.conftest import RedisServer
from tests.integration.api.conftest import Configure, Deployed, settlement_of

pytestmark = [pytest.mark.aws, pytest.mark.redis]

LOGS = "/functions/hello/logs"


def accept(deployed: Deployed) -> str:
    """Have one more Invocation queued; give its id."""
    id_: str = deployed.call(query="?mode=async").json["invocation_id"]
    return id_


def end(deployed: Deployed, invocation_id: str, log: str = "log\n", status: Status = Status.SUCCEEDED) -> None:
    """Settle it with this log."""
    deployed.worker.settle(settlement_of(invocation_id, Outcome(status=status, payload="{}", log_tail=log)))


def prints(redis_client: redis.Redis, invocation_id: str, text: str) -> None:
    """Have a run print, as the worker shows it."""
    redis_client.set(keys.live_log(invocation_id), encode(LiveLog(total_bytes=len(text), tail=text)))


def follow(deployed: Deployed, answer: Answer, query: str = "") -> Answer:
    return deployed.get(f"{LOGS}?follow={answer.json['next']}{query}")


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(one["status"], one["log"]) for one in answer.json["logs"]]


def test_invocations_are_listed_newest_first_and_page(deployed: Deployed) -> None:
    ids = [accept(deployed) for _ in range(5)]
    end(deployed, ids[4], status=Status.FAILED)

    pages, after = [], ""
    while after is not None:
        page = deployed.get(f"/functions/hello/invocations?limit=2{after and '&after=' + after}").json
        pages.append([one["invocation_id"] for one in page["invocations"]])
        after = page["next_after"]

    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    newest = deployed.get("/functions/hello/invocations?limit=1").json["invocations"][0]
    assert (newest["status"], newest["settled"] is not None) == ("failed", True)
    assert {"phases", "usage", "charge", "error_type", "attempt", "created", "function"} <= newest.keys()
    assert "outcome" not in newest


@pytest.mark.parametrize("after", ["nonsense", "-", "1-", "x-1", "1" * 18 + "-a", "1-" + "a" * 129])
def test_a_place_that_no_page_gave_is_refused(deployed: Deployed, after: str) -> None:
    answer = deployed.get(f"/functions/hello/invocations?after={after}")

    assert (answer.status, answer.json["type"]) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize("path", ["invocations", "logs"])
def test_a_function_that_is_not_there_has_none(deployed: Deployed, path: str) -> None:
    assert deployed.get(f"/functions/nobody/{path}").status == 404


def test_an_invocation_shows_what_it_prints_while_it_runs(deployed: Deployed, redis_client: redis.Redis) -> None:
    id_ = accept(deployed)
    silent = deployed.get(f"/invocations/{id_}").json["log_tail"]
    prints(redis_client, id_, "half")
    running = deployed.get(f"/invocations/{id_}").json["log_tail"]
    end(deployed, id_, "whole\n")

    settled = deployed.get(f"/invocations/{id_}").json

    assert (silent, running) == (None, "half")
    assert (settled["log_tail"], settled["outcome"]["log_tail"]) == ("whole\n", "whole\n")


def test_without_redis_an_invocation_is_shown_without_what_it_prints(
    deployed: Deployed, hearth: Controller, redis_server: RedisServer
) -> None:
    id_ = accept(deployed)
    row = hearth.invocations.records.row("acme", id_)
    with redis_server.away():
        assert hearth.invocations.records.log_tail(row) is None


def test_logs_come_oldest_first_and_what_only_waits_has_none(deployed: Deployed) -> None:
    ids = [accept(deployed) for _ in range(3)]
    end(deployed, ids[1], "second\n")
    end(deployed, ids[0], "first\n", Status.FAILED)

    answer = deployed.get(LOGS)

    assert told(answer) == [("failed", "first\n"), ("succeeded", "second\n")]
    assert [one["invocation_id"] for one in answer.json["logs"]] == ids[:2]


def test_a_follower_sees_each_log_once_however_late_it_was_settled(deployed: Deployed) -> None:
    early, late = accept(deployed), accept(deployed)
    end(deployed, late, "late\n")
    first = deployed.get(LOGS)
    end(deployed, early, "early\n")

    second = follow(deployed, first)
    end(deployed, accept(deployed), "newest\n")
    third = follow(deployed, second)

    assert [told(one) for one in (first, second, third)] == [
        [("succeeded", "late\n")],
        [("succeeded", "early\n")],
        [("succeeded", "newest\n")],
    ]


def test_a_follower_sees_a_run_print_and_then_its_whole_log(deployed: Deployed, redis_client: redis.Redis) -> None:
    id_ = accept(deployed)
    prints(redis_client, id_, "one\n")
    first = deployed.get(LOGS)
    prints(redis_client, id_, "one\ntwo\n")
    second = follow(deployed, first)
    end(deployed, id_, "one\ntwo\nREPORT\n")
    third = follow(deployed, second)

    assert [told(one) for one in (first, second, third)] == [
        [("queued", "one\n")],
        [("queued", "one\ntwo\n")],
        [("succeeded", "one\ntwo\nREPORT\n")],
    ]


def test_following_waits_for_what_is_new(deployed: Deployed) -> None:
    first = deployed.get(LOGS)
    id_ = accept(deployed)
    waiting = deployed.aside.submit(follow, deployed, first)
    end(deployed, id_, "at last\n")

    assert told(waiting.result()) == [("succeeded", "at last\n")]


def test_following_in_vain_ends_with_the_wait_and_the_same_place(deployed: Deployed, configure: Configure) -> None:
    end(deployed, accept(deployed))
    first = deployed.get(LOGS)
    configure(HEARTH_SYNC_WAIT_S="1")
    began = time.monotonic()

    second = follow(deployed, first)

    assert (told(second), second.json["next"]) == ([], first.json["next"])
    assert 1 <= time.monotonic() - began < 10  # which is the wait where nothing else is said


def test_a_limit_shows_the_latest_and_a_follower_gets_the_rest_of_what_is_new_next(deployed: Deployed) -> None:
    for n in range(3):
        end(deployed, accept(deployed), f"{n}")
    first = deployed.get(f"{LOGS}?limit=2")
    for n in range(3, 6):
        end(deployed, accept(deployed), f"{n}")

    second = follow(deployed, first, "&limit=2")
    third = follow(deployed, second, "&limit=2")

    assert [[log for _, log in told(one)] for one in (first, second, third)] == [["1", "2"], ["3", "4"], ["5"]]


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "word", ["x", "!", "é", cursor(1), cursor({}), cursor([0]), cursor([0, {"a": "b"}]), cursor(["0", {}])]
)
def test_a_cursor_that_no_answer_gave_is_refused(deployed: Deployed, word: str) -> None:
    answer = deployed.get(f"{LOGS}?follow={quote(word)}")

    assert (answer.status, answer.json["type"]) == (400, "InvalidParameterValueException")
    assert "`next`" in answer.json["error"]
