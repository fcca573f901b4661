"""Schedules in the REST API: made, shown, listed, replaced and deleted; what runs when they are due is test_due."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from chalicelib.errors import HearthError
from chalicelib.schedules import store
from chalicelib.schedules.store import MAX_INPUT_BYTES, MAX_SCHEDULES, ScheduleRequest
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import upload

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def put(gateway: Gateway, key: Key, schedule_id: str = "s", name: str = "hello", **body: Any) -> Answer:
    asked = {"expression": "rate(5 minutes)"} | body
    return gateway.send("PUT", f"/functions/{name}/schedules/{schedule_id}", json.dumps(asked).encode(), key)


def test_a_schedule_is_made_replaced_shown_listed_and_deleted(gateway: Gateway, key: Key, function: Answer) -> None:
    made = put(gateway, key, input={"a": [1]})
    again = put(gateway, key, expression="cron(0 12 ? * MON-FRI *)", enabled=False)
    put(gateway, key, "r.2")
    shown = gateway.send("GET", "/functions/hello/schedules/s", headers=key)
    listed = gateway.send("GET", "/functions/hello/schedules", headers=key)
    gone = gateway.send("DELETE", "/functions/hello/schedules/s", headers=key)

    assert (made.status, made.json["input"], made.json["enabled"]) == (201, {"a": [1]}, True)
    assert (made.json["expression"], made.json["qualifier"]) == ("rate(5 minutes)", "$LATEST")
    assert made.json["next"] > made.json["created"]
    assert (again.status, again.json["input"], again.json["next"]) == (200, None, None)
    assert again.json["created"] == made.json["created"]
    assert shown.json == again.json
    assert [one["id"] for one in listed.json["schedules"]] == ["r.2", "s"]
    assert gone.status == 204
    assert gateway.send("GET", "/functions/hello/schedules/s", headers=key).status == 404
    assert gateway.send("DELETE", "/functions/hello/schedules/s", headers=key).status == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"expression": "rate(1 minutes)"}, "singular"),
        ({"expression": "cron(0 0 30 2 ? *)"}, "matches no moment"),
        ({"expression": 5}, "expression must be a text"),
        ({"expression": None}, "expression is missing: it must be a text, such as rate(5 minutes)"),
        ({"enabled": "yes"}, "enabled must be true or false"),
        ({"at": "noon"}, "Unknown member 'at'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    gateway: Gateway, key: Key, function: Answer, body: dict[str, Any], sentence: str
) -> None:
    refused = put(gateway, key, **body)

    assert (refused.status, sentence in refused.json["error"]) == (400, True), refused.json
    assert gateway.send("GET", "/functions/hello/schedules", headers=key).json == {"schedules": []}


def test_an_unknown_function_or_qualifier_has_no_schedule(gateway: Gateway, key: Key, function: Answer) -> None:
    assert put(gateway, key, name="nobody").status == 404
    assert put(gateway, key, qualifier="prod").status == 404
    assert put(gateway, key, "no%20id").status == 400
    assert gateway.send("GET", "/functions/nobody/schedules", headers=key).status == 404


def test_a_schedule_is_of_a_function_by_its_name_alone(gateway: Gateway, key: Key, function: Answer) -> None:
    """Kept under any other word for it, it would run nothing and outlive the function."""
    for word in ("hello:$LATEST", function.json["arn"]):
        assert put(gateway, key, name=quote(word, safe="")).status == 400
    assert put(gateway, key, qualifier="x" * 129).status == 400


def test_an_input_has_a_length(gateway: Gateway, key: Key, function: Answer) -> None:
    assert put(gateway, key, input="x" * (MAX_INPUT_BYTES - 2)).status == 201
    assert put(gateway, key, input="x" * (MAX_INPUT_BYTES - 1)).status == 400


def test_a_tenant_has_a_hundred_schedules_and_not_one_more(
    gateway: Gateway, key: Key, function: Answer, hearth: Controller
) -> None:
    upload(gateway, key, "other")
    for n in range(MAX_SCHEDULES - 1):
        hearth.schedules.store.put("acme", "hello", f"s{n}", ScheduleRequest(expression="rate(1 day)"))

    assert put(gateway, key, "last", name="other").status == 201
    assert put(gateway, key, "more").status == 400
    assert put(gateway, key, "s5").status == 200
    gateway.send("DELETE", "/functions/other", headers=key)
    assert put(gateway, key, "more").status == 201


def test_two_at_once_are_not_both_the_last_that_is_allowed(
    hearth: Controller, function: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_SCHEDULES", 4)
    for n in range(3):
        hearth.schedules.store.put("acme", "hello", f"s{n}", ScheduleRequest(expression="rate(1 day)"))

    def one(schedule_id: str) -> str:
        try:
            hearth.schedules.store.put("acme", "hello", schedule_id, ScheduleRequest(expression="rate(1 day)"))
        except HearthError as refused:
            return refused.error_type
        return "made"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(one, ["a", "b", "c", "d"]))

    assert ends.count("made") == 1, ends
    assert len(hearth.schedules.store.every("acme", "hello")) == 4


def test_another_tenants_schedule_is_not_there(
    gateway: Gateway, key: Key, function: Answer, hearth: Controller
) -> None:
    put(gateway, key)
    other = {"x-api-key": hearth.tenants.administration.create("other").api_key}
    upload(gateway, other)

    assert gateway.send("GET", "/functions/hello/schedules/s", headers=other).status == 404
    assert gateway.send("GET", "/functions/hello/schedules", headers=other).json == {"schedules": []}
