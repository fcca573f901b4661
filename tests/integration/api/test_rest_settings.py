"""What belongs to a function, at the REST API: tags, permissions, URLs, event-invoke and provisioned concurrency."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure, Deployed, success, upload

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]
OPEN = {"statement_id": "url", "action": "lambda:InvokeFunctionUrl", "principal": "*"}
ABSENT: list[tuple[str, str, Any]] = [
    ("GET", "/tags", None),
    ("PUT", "/tags", {"tags": {}}),
    ("PATCH", "/tags", {"tags": {}}),
    ("GET", "/permissions", None),
    ("POST", "/permissions", OPEN),
    ("DELETE", "/permissions/url", None),
    ("GET", "/url", None),
    ("PUT", "/url", {"auth_type": "NONE"}),
    ("DELETE", "/url", None),
    ("GET", "/urls", None),
    ("GET", "/event-invoke", None),
    ("PUT", "/event-invoke", {"retries": 1}),
    ("PATCH", "/event-invoke", {"retries": 1}),
    ("DELETE", "/event-invoke", None),
    ("GET", "/event-invokes", None),
    ("GET", "/concurrency", None),
    ("GET", "/provisioned", None),
    ("PUT", "/provisioned/1", {"provisioned": 1}),
    ("GET", "/provisioned/1", None),
    ("DELETE", "/provisioned/1", None),
]


def send(gateway: Gateway, key: Key, method: str, path: str, body: Any = None) -> Answer:
    return gateway.send(method, f"/functions/hello{path}", json.dumps(body).encode() if body is not None else b"", key)


def refused(answer: Answer, sentence: str) -> bool:
    assert (answer.status, sentence in answer.json["error"]) == (400, True), answer.body
    return True


def test_nothing_of_it_is_there_without_the_function(gateway: Gateway, key: Key, subtests: pytest.Subtests) -> None:
    for method, path, body in ABSENT:
        with subtests.test(f"{method} {path}"):
            assert send(gateway, key, method, path, body).status == 404


def test_tags_are_replaced_changed_and_shown(gateway: Gateway, key: Key, function: Answer) -> None:
    none = send(gateway, key, "GET", "/tags").json
    put = send(gateway, key, "PUT", "/tags", {"tags": {"colour": "red", "team": "a"}})
    changed = send(gateway, key, "PATCH", "/tags", {"tags": {"colour": None, "size": "l", "absent": None}})
    shown = send(gateway, key, "GET", "/tags").json
    cleared = send(gateway, key, "PUT", "/tags", {"tags": {}}).json

    assert none == cleared == {"tags": {}}
    assert (put.status, put.json) == (200, {"tags": {"colour": "red", "team": "a"}})
    assert changed.json == shown == {"tags": {"team": "a", "size": "l"}}


def test_tags_are_limited_in_number_and_length(gateway: Gateway, key: Key, function: Answer) -> None:
    most = {f"k{n}": "" for n in range(50)}

    assert send(gateway, key, "PUT", "/tags", {"tags": most}).status == 200
    assert refused(send(gateway, key, "PATCH", "/tags", {"tags": {"one": "more"}}), "50 tags")
    assert send(gateway, key, "PUT", "/tags", {"tags": {"k" * 128: "v" * 256}}).status == 200
    assert refused(send(gateway, key, "PUT", "/tags", {"tags": {"k" * 129: ""}}), "128 are allowed")
    assert refused(send(gateway, key, "PUT", "/tags", {"tags": {"k": "v" * 257}}), "256 are allowed")
    assert refused(send(gateway, key, "PUT", "/tags", {"tags": {"k": None}}), "tags must be an object of texts")
    assert refused(send(gateway, key, "PUT", "/tags", {}), "tags is missing")


def test_a_permission_is_added_shown_and_removed(gateway: Gateway, key: Key, function: Answer) -> None:
    asked = {
        "statement_id": "s",
        "action": "lambda:InvokeFunction",
        "principal": "s3.amazonaws.com",
        "source_arn": "arn:aws:s3:::bucket",
        "source_account": "123456789012",
    }
    none = send(gateway, key, "GET", "/permissions").json

    added = send(gateway, key, "POST", "/permissions", asked)
    again = send(gateway, key, "POST", "/permissions", asked)
    shown = send(gateway, key, "GET", "/permissions").json
    removed = [send(gateway, key, "DELETE", "/permissions/s").status for _ in range(2)]

    assert (none, added.status, again.status, removed) == ({"statements": []}, 201, 409, [204, 404])
    assert shown == {"statements": [added.json]}
    assert added.json["Principal"] == {"Service": "s3.amazonaws.com"}
    assert added.json["Condition"]["ArnLike"] == {"AWS:SourceArn": "arn:aws:s3:::bucket"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"statement_id": "a b"}, "statement_id must be 1 to 100 letters"),
        ({"statement_id": "a" * 101}, "statement_id must be 1 to 100 letters"),
        ({"action": "s3:GetObject"}, "action must be an action, such as lambda:InvokeFunctionUrl"),
        ({"principal": "no principal"}, "principal must be an account"),
        ({"principal": "nobody"}, "principal was invalid"),
        ({"source_account": "12"}, "source_account must be the 12 digits"),
        ({"url_auth_type": "NO"}, "url_auth_type must be NONE or AWS_IAM"),
        ({"principal": None}, "principal is missing"),
    ],
)
def test_a_permission_out_of_rule_is_refused(
    gateway: Gateway, key: Key, function: Answer, changes: dict[str, Any], sentence: str
) -> None:
    assert refused(send(gateway, key, "POST", "/permissions", OPEN | changes), sentence)
    assert send(gateway, key, "GET", "/permissions").json == {"statements": []}


def test_a_statement_id_may_have_a_hundred_characters(gateway: Gateway, key: Key, function: Answer) -> None:
    assert send(gateway, key, "POST", "/permissions", OPEN | {"statement_id": "a" * 100}).status == 201


def test_a_url_is_made_used_changed_listed_and_deleted(deployed: Deployed) -> None:
    gateway, key = deployed.gateway, deployed.key

    made = send(gateway, key, "PUT", "/url", {"auth_type": "NONE", "cors": {"allow_origins": ["https://a.test"]}})
    path = urlsplit(made.json["url"]).path
    closed = gateway.send("GET", path)
    send(gateway, key, "POST", "/permissions", OPEN)
    deployed.serve(success('{"statusCode": 201, "body": "made"}'))
    used = gateway.send("GET", path, headers={"Origin": "https://a.test"})
    changed = send(gateway, key, "PUT", "/url", {"auth_type": "AWS_IAM"})
    listed = send(gateway, key, "GET", "/urls").json
    gone = [send(gateway, key, "DELETE", "/url").status for _ in range(2)]

    assert (made.status, made.json["function"], made.json["qualifier"]) == (201, "hello", "$LATEST")
    assert made.json["cors"]["allow_origins"] == ["https://a.test"]
    assert (closed.status, used.status, used.body) == (403, 201, "made")
    assert used.headers["access-control-allow-origin"] == "https://a.test"
    assert (changed.status, changed.json["url"], changed.json["cors"]) == (200, made.json["url"], None)
    assert listed == {"urls": [changed.json]}
    assert gone == [204, 404]


def test_an_alias_has_a_url_of_its_own(gateway: Gateway, key: Key, function: Answer) -> None:
    send(gateway, key, "POST", "/versions")
    send(gateway, key, "PUT", "/aliases/live", {"version": "1"})

    made = send(gateway, key, "PUT", "/url?qualifier=live", {"auth_type": "NONE"})

    assert (made.status, made.json["qualifier"]) == (201, "live")
    assert send(gateway, key, "GET", "/url?qualifier=live").json == made.json
    assert send(gateway, key, "GET", "/url").status == 404
    assert send(gateway, key, "PUT", "/url?qualifier=absent", {"auth_type": "NONE"}).status == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "auth_type is missing: it must be NONE or AWS_IAM"),
        ({"auth_type": "none"}, "auth_type must be NONE or AWS_IAM"),
        ({"auth_type": "NONE", "cors": {"max_age_s": 86_401}}, "cors.max_age_s must be a whole number of seconds"),
        ({"auth_type": "NONE", "cors": {"allow_origins": ["*"] * 101}}, "cors.allow_origins must be a list of at most"),
        ({"auth_type": "NONE", "cors": {"origins": ["*"]}}, "Unknown member 'origins'"),
        ({"auth_type": "NONE", "cors": {"allow_credentials": True, "allow_origins": ["*"]}}, "one by one"),
    ],
)
def test_a_url_out_of_rule_is_refused(
    gateway: Gateway, key: Key, function: Answer, body: dict[str, Any], sentence: str
) -> None:
    assert refused(send(gateway, key, "PUT", "/url", body), sentence)
    assert send(gateway, key, "GET", "/urls").json == {"urls": []}


def test_a_url_at_the_limits_is_made(gateway: Gateway, key: Key, function: Answer) -> None:
    cors = {"max_age_s": 86_400, "allow_origins": ["https://a.test"] * 100}

    assert send(gateway, key, "PUT", "/url", {"auth_type": "NONE", "cors": cors}).status == 201


def test_event_invoke_is_set_changed_listed_and_deleted(
    gateway: Gateway, key: Key, function: Answer, hearth: Controller
) -> None:
    upload(gateway, key, "other")
    other = gateway.send("GET", "/functions/other", headers=key).json["arn"]

    put = send(gateway, key, "PUT", "/event-invoke", {"retries": 0, "max_age_s": 60})
    changed = send(gateway, key, "PATCH", "/event-invoke", {"on_failure": other})
    shown = send(gateway, key, "GET", "/event-invoke").json
    listed = send(gateway, key, "GET", "/event-invokes").json
    replaced = send(gateway, key, "PUT", "/event-invoke", {"retries": 1}).json
    gone = [send(gateway, key, "DELETE", "/event-invoke").status for _ in range(2)]

    assert (put.status, put.json["retries"], put.json["max_age_s"], put.json["on_failure"]) == (200, 0, 60, None)
    assert (shown["retries"], shown["max_age_s"], shown["on_failure"]) == (0, 60, other)
    assert changed.json == shown
    assert listed == {"event_invokes": [shown], "next_after": None}
    assert (replaced["retries"], replaced["max_age_s"], replaced["on_failure"]) == (1, None, None)
    assert gone == [204, 404]


def test_event_invoke_is_of_a_version_or_an_alias_too(gateway: Gateway, key: Key, function: Answer) -> None:
    send(gateway, key, "POST", "/versions")

    made = send(gateway, key, "PUT", "/event-invoke?qualifier=1", {"retries": 2})

    assert (made.status, made.json["qualifier"]) == (200, "1")
    assert send(gateway, key, "GET", "/event-invoke").status == 404
    assert send(gateway, key, "PUT", "/event-invoke?qualifier=2", {"retries": 2}).status == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "at least one"),
        ({"retries": 3}, "retries must be a whole number from 0 to 2, not 3"),
        ({"retries": -1}, "retries must be a whole number from 0 to 2, not -1"),
        ({"max_age_s": 59}, "max_age_s must be a whole number of seconds from 60 to 21600"),
        ({"max_age_s": 21_601}, "max_age_s must be a whole number of seconds from 60 to 21600"),
        ({"on_failure": "arn:aws:sns:us-east-1:1:t"}, "not offered"),
        ({"retry": 1}, "Unknown member 'retry'"),
    ],
)
def test_event_invoke_out_of_rule_is_refused(
    gateway: Gateway, key: Key, function: Answer, body: dict[str, Any], sentence: str
) -> None:
    assert refused(send(gateway, key, "PUT", "/event-invoke", body), sentence)
    assert send(gateway, key, "GET", "/event-invoke").status == 404


@pytest.mark.parametrize("body", [{"retries": 2}, {"max_age_s": 60}, {"max_age_s": 21_600}])
def test_event_invoke_at_the_limits_is_set(gateway: Gateway, key: Key, function: Answer, body: dict[str, Any]) -> None:
    assert send(gateway, key, "PUT", "/event-invoke", body).status == 200


def test_concurrency_is_shown_as_it_is_reserved(gateway: Gateway, key: Key, function: Answer) -> None:
    before = send(gateway, key, "GET", "/concurrency").json
    send(gateway, key, "PUT", "/concurrency", {"reserved": 1})

    assert (before, send(gateway, key, "GET", "/concurrency").json) == ({"reserved": None}, {"reserved": 1})


def test_sandboxes_are_provisioned_shown_listed_and_given_back(
    gateway: Gateway, key: Key, function: Answer, configure: Configure
) -> None:
    configure(HEARTH_TENANT_CONCURRENCY="8", HEARTH_MIN_UNRESERVED="2")
    send(gateway, key, "POST", "/versions")
    send(gateway, key, "PUT", "/aliases/live", {"version": "1"})

    made = send(gateway, key, "PUT", "/provisioned/live", {"provisioned": 6})
    beyond = send(gateway, key, "PUT", "/provisioned/live", {"provisioned": 7})
    twice = send(gateway, key, "PUT", "/provisioned/1", {"provisioned": 1})
    shown = send(gateway, key, "GET", "/provisioned/live").json
    listed = send(gateway, key, "GET", "/provisioned").json
    gone = [send(gateway, key, "DELETE", "/provisioned/live").status for _ in range(2)]

    assert (made.status, made.json["provisioned"], made.json["status"]) == (202, 6, "IN_PROGRESS")
    assert refused(beyond, "6 more can be provisioned")
    assert twice.status == 409
    assert listed == {"provisioned": [shown], "next_after": None}
    assert (shown["qualifier"], shown["allocated"], shown["available"], shown["reason"]) == ("live", 0, 0, None)
    assert gone == [204, 404]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (("1", {}), "provisioned is missing: it must be a whole number, 1 or more"),
        (("1", {"provisioned": 0}), "provisioned must be a whole number, 1 or more, such as 2, not 0"),
        (("$LATEST", {"provisioned": 1}), "unpublished"),
        (("a.b", {"provisioned": 1}), "names no version"),
    ],
)
def test_provisioned_concurrency_out_of_rule_is_refused(
    gateway: Gateway, key: Key, function: Answer, asked: tuple[str, Any], sentence: str
) -> None:
    (qualifier, body), _ = asked, send(gateway, key, "POST", "/versions")

    assert refused(send(gateway, key, "PUT", f"/provisioned/{qualifier}", body), sentence)
    assert send(gateway, key, "GET", "/provisioned").json["provisioned"] == []
