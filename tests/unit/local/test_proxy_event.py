"""How HTTP is spelled for the app, and the app's answers for HTTP."""

import base64
from typing import Any

import pytest

from local.proxy_event import MalformedAnswerError, Request, Resource, Routes, event, is_binary, render

ROUTES = Routes(["/", "/functions", "/functions/{name}", "/functions/{name}/invocations", "/functions/special"])
BINARY = ["application/zip", "image/*"]


def a_request(**changes: Any) -> Request:
    valid: dict[str, Any] = {
        "request_id": "id-1",
        "method": "POST",
        "path": "/functions/f",
        "query": "",
        "headers": [],
        "body": b"",
        "source_ip": "192.0.2.7",
    }
    return Request(**valid | changes)


def an_event(**changes: Any) -> dict[str, Any]:
    return event(a_request(**changes), Resource("/functions/{name}", {"name": "f"}), BINARY)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/functions", "/functions", {}),
        ("/functions/", "/functions", {}),
        ("/functions/f", "/functions/{name}", {"name": "f"}),
        ("/functions/f/invocations", "/functions/{name}/invocations", {"name": "f"}),
        ("/functions/special", "/functions/special", {}),
    ],
)
def test_a_path_finds_its_resource(path: str, resource: str, parameters: dict[str, str]) -> None:
    assert ROUTES.match(path) == Resource(resource, parameters)


def test_path_parameters_stay_percent_encoded() -> None:
    assert ROUTES.match("/functions/a%3Ab") == Resource("/functions/{name}", {"name": "a%3Ab"})


@pytest.mark.parametrize(
    "path", ["/other", "/functions/f/other", "/functions//invocations", "/functions/f/invocations/x"]
)
def test_an_unknown_path_has_no_resource(path: str) -> None:
    assert ROUTES.match(path) is None


def test_an_event_names_resource_method_path_and_caller() -> None:
    made = an_event()

    assert made["resource"] == made["requestContext"]["resourcePath"] == "/functions/{name}"
    assert made["httpMethod"] == made["requestContext"]["httpMethod"] == "POST"
    assert made["path"] == made["requestContext"]["path"] == "/functions/f"
    assert made["pathParameters"] == {"name": "f"}
    assert made["requestContext"]["identity"]["sourceIp"] == "192.0.2.7"
    assert made["requestContext"]["requestId"] == "id-1"


def test_what_is_absent_is_null_as_in_api_gateway() -> None:
    made = event(a_request(), Resource("/functions", {}), BINARY)

    absent = ["body", "pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables"]
    assert [made[name] for name in absent] == [None] * 5


def test_a_query_is_decoded_and_repeated_names_keep_every_value() -> None:
    made = an_event(query="a=1&a=2%203&empty=")

    assert made["queryStringParameters"] == {"a": "2 3", "empty": ""}
    assert made["multiValueQueryStringParameters"] == {"a": ["1", "2 3"], "empty": [""]}


def test_a_repeated_header_keeps_every_value() -> None:
    made = an_event(headers=[("x-a", "1"), ("x-a", "2")])

    assert made["headers"] == {"x-a": "2"}
    assert made["multiValueHeaders"] == {"x-a": ["1", "2"]}


def test_a_text_body_travels_as_text() -> None:
    made = an_event(body="grüß".encode(), headers=[("content-type", "application/json")])

    assert (made["body"], made["isBase64Encoded"]) == ("grüß", False)


def test_a_body_of_a_binary_type_travels_as_base64() -> None:
    made = an_event(body=b"\x00\xff", headers=[("content-type", "application/zip; x=1")])

    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"\x00\xff", True)


@pytest.mark.parametrize(
    ("content_type", "binary"),
    [("image/png", True), ("Application/ZIP", True), ("text/plain", False), ("", False), ("application/zip2", False)],
)
def test_binary_types_match_by_name_or_family(content_type: str, binary: bool) -> None:
    assert is_binary(content_type, BINARY) is binary


def test_an_answer_becomes_status_headers_and_bytes() -> None:
    answer = render({"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "grüß"}, "id-1")

    assert (answer.status, answer.body) == (201, "grüß".encode())
    assert answer.headers == [("Content-Type", "text/plain"), ("x-amzn-requestid", "id-1")]


def test_a_base64_answer_is_decoded() -> None:
    answer = render(
        {"statusCode": 200, "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True}, "id-1"
    )

    assert answer.body == b"\x00\xff"


def test_an_answer_without_a_content_type_is_json() -> None:
    assert ("content-type", "application/json") in render({"statusCode": 200}, "id-1").headers


def test_multi_value_headers_become_one_line_each() -> None:
    answer = render({"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a", "b"]}}, "id-1")

    assert answer.headers[:2] == [("Set-Cookie", "a"), ("Set-Cookie", "b")]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {},
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": {"X-Count": 3}},
        {"statusCode": 200, "body": "@", "isBase64Encoded": True},
    ],
)
def test_an_answer_api_gateway_would_not_take_is_refused(answer: object) -> None:
    with pytest.raises((MalformedAnswerError, ValueError)):
        render(answer, "id-1")
