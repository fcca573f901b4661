"""The REST API's routes on one version and on reserved concurrency."""

import json
from typing import Any

import pytest
from chalicelib import limits

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def send(gateway: Gateway, key: Key, method: str, path: str, body: Any = None) -> Answer:
    return gateway.send(method, f"/functions/hello{path}", json.dumps(body).encode() if body is not None else b"", key)


def test_no_page_has_more_than_a_page_may(
    gateway: Gateway, key: Key, function: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PAGE", 1)
    send(gateway, key, "POST", "/versions")
    for alias in ("a", "b"):
        send(gateway, key, "PUT", f"/aliases/{alias}", {"version": "1"})

    page = send(gateway, key, "GET", "/aliases?limit=999999999").json

    assert ([one["name"] for one in page["aliases"]], page["next_after"]) == (["a"], "a")


def test_a_version_is_deleted_unless_an_alias_names_it(gateway: Gateway, key: Key, function: Answer) -> None:
    send(gateway, key, "POST", "/versions")
    send(gateway, key, "PUT", "/aliases/live", {"version": "1"})

    kept = send(gateway, key, "DELETE", "/versions/1")
    send(gateway, key, "DELETE", "/aliases/live")
    gone = [send(gateway, key, "DELETE", f"/versions/{number}").status for number in ("1", "1", "01", "live")]

    assert (kept.status, "live" in kept.json["error"]) == (409, True)
    assert gone == [204, 404, 404, 404]
    assert send(gateway, key, "GET", "?qualifier=1").status == 404


def test_permits_are_reserved_up_to_what_must_stay_and_released(
    gateway: Gateway, key: Key, function: Answer, configure: Configure
) -> None:
    configure(HEARTH_TENANT_CONCURRENCY="8", HEARTH_MIN_UNRESERVED="2")

    bad = [send(gateway, key, "PUT", "/concurrency", body).status for body in ({}, {"reserved": -1}, {"reserved": 7})]
    answers = [send(gateway, key, "PUT", "/concurrency", {"reserved": permits}) for permits in (6, 0)]
    refused = send(gateway, key, "POST", "/invocations", {})
    released = [send(gateway, key, "DELETE", "/concurrency").status for _ in range(2)]

    assert bad == [400, 400, 400]
    assert [(one.status, one.json) for one in answers] == [(200, {"reserved": 6}), (200, {"reserved": 0})]
    assert (refused.status, released) == (429, [204, 204])
