"""What a gateway's event becomes."""

from typing import Any

import pytest
from chalicelib.calls import from_event


def event(**changes: Any) -> dict[str, Any]:
    context = {"httpMethod": "GET", "path": "/p", "identity": {"sourceIp": "192.0.2.1"}, "requestId": "r"}
    made = {"path": "/p", "headers": None, "multiValueQueryStringParameters": None, "requestContext": context}
    return made | changes


def test_a_repeated_header_is_the_list_that_http_says_it_is_and_cookies_are_one_header() -> None:
    several = {"X-A": ["1", "2"], "Cookie": ["a=1", "b=2"]}

    call = from_event(event(headers={"X-A": "2", "Cookie": "b=2"}, multiValueHeaders=several), b"")

    assert dict(call.headers) == {"x-a": "1,2", "cookie": "a=1; b=2"}


@pytest.mark.parametrize("headers", [None, {}, {"X-A": "1"}])
def test_without_lists_single_headers_count(headers: dict[str, str] | None) -> None:
    assert len(from_event(event(headers=headers), b"").headers) == len(headers or {})


@pytest.mark.parametrize(
    ("path", "in_context", "home"),
    [
        ("/functions", "/api/functions", "h.test/api"),
        ("/functions", "/functions", "h.test"),
        ("/api/functions", "/api/functions", "h.test"),
        ("/functions", "/apix/functions", "h.test"),
    ],
)
def test_a_stage_counts_where_the_gateway_puts_it_before_our_paths(path: str, in_context: str, home: str) -> None:
    made = event(path=path, headers={"Host": "ignored.test"})
    made["requestContext"] |= {"path": in_context, "stage": "api", "domainName": "h.test"}

    assert from_event(made, b"").home == home


def test_without_the_gateways_word_the_host_that_was_asked_counts() -> None:
    assert from_event(event(headers={"HOST": "asked.test"}), b"").home == "asked.test"
