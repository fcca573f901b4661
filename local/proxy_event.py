"""Converts HTTP requests to API Gateway's REST (v1) proxy events, and the app's answers to HTTP responses."""

import base64
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

STAGE = "local"

# The routes as a tree of path segments, so that the cost of a match does not grow with their number. The two names
# below cannot be segments, as they hold a slash.
_Tree = dict[str, Any]
_PARAMETER = "/{}"
_ROUTE = "/"


class MalformedAnswerError(ValueError):
    """The app's answer is one that API Gateway rejects with 502."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request. `path` is percent-encoded; header names are in lower case."""

    request_id: str
    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Resource:
    """The route that a path belongs to, as the app defines it, and its parameters, percent-encoded."""

    path: str
    parameters: Mapping[str, str]


class Routes:
    """The app's routes. As in API Gateway, a literal segment wins over a parameter. A trailing slash is ignored."""

    def __init__(self, paths: Collection[str]) -> None:
        self._tree: _Tree = {}
        for path in paths:
            node = self._tree
            for segment in _segments(path):
                node = node.setdefault(_PARAMETER if _is_parameter(segment) else segment, {})
            node[_ROUTE] = path

    def match(self, path: str) -> Resource | None:
        """Returns the resource of a path, None if there is none."""
        asked = _segments(path)
        route = _find(self._tree, asked)
        return None if route is None else Resource(route, _parameters(_segments(route), asked))


def _segments(path: str) -> list[str]:
    return path.rstrip("/").split("/")


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _find(node: _Tree, asked: Sequence[str]) -> str | None:
    if not asked:
        return node.get(_ROUTE)
    segment, *rest = asked
    found = _find(node[segment], rest) if segment in node else None
    if found is None and segment and _PARAMETER in node:
        return _find(node[_PARAMETER], rest)
    return found


def _parameters(segments: Sequence[str], asked: Sequence[str]) -> dict[str, str]:
    return {name[1:-1]: value for name, value in zip(segments, asked, strict=True) if _is_parameter(name)}


def event(request: Request, resource: Resource, binary_types: Collection[str]) -> dict[str, Any]:
    """Returns the proxy event of a request."""
    query = parse_qsl(request.query, keep_blank_values=True)
    headers = dict(request.headers)
    return {
        "resource": resource.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers or None,
        "multiValueHeaders": _grouped(request.headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query) or None,
        "pathParameters": dict(resource.parameters) or None,
        "stageVariables": None,
        "requestContext": _context(request, resource, headers),
        **_body(request.body, headers.get("content-type", ""), binary_types),
    }


def _context(request: Request, resource: Resource, headers: Mapping[str, str]) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": "000000000000",
        "apiId": STAGE,
        "domainName": headers.get("host", ""),
        "extendedRequestId": request.request_id,
        "httpMethod": request.method,
        "identity": {"sourceIp": request.source_ip, "userAgent": headers.get("user-agent")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": resource.path,
        "resourcePath": resource.path,
        "stage": STAGE,
    }


def _body(body: bytes, content_type: str, binary_types: Collection[str]) -> dict[str, Any]:
    if not body:
        return {"body": None, "isBase64Encoded": False}
    if is_binary(content_type, binary_types):
        return {"body": base64.b64encode(body).decode("ascii"), "isBase64Encoded": True}
    return {"body": body.decode("utf-8", errors="replace"), "isBase64Encoded": False}


def is_binary(content_type: str, binary_types: Collection[str]) -> bool:
    """Returns whether bodies of this type are sent as base64: it, `type/*` or `*/*` is among the binary types."""
    kind = content_type.partition(";")[0].strip().lower()
    return bool({kind, f"{kind.partition('/')[0]}/*", "*/*"} & set(binary_types))


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def render(answer: Any, request_id: str) -> Answer:
    """Returns the HTTP response for the app's answer; raises MalformedAnswerError if that is malformed."""
    if not isinstance(answer, dict) or type(answer.get("statusCode")) is not int:
        raise MalformedAnswerError("the answer has no whole number as statusCode")
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise MalformedAnswerError(f"the body is {type(body).__name__}, not text")
    data = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode("utf-8")
    return Answer(answer["statusCode"], _headers(answer, request_id), data)


def _headers(answer: Mapping[str, Any], request_id: str) -> list[tuple[str, str]]:
    """Returns the answer's headers, and those that API Gateway adds if the app sets none."""
    single = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    groups = {**single, **(answer.get("multiValueHeaders") or {})}
    headers = [(name, value) for name, values in groups.items() for value in values]
    if not all(isinstance(value, str) for _, value in headers):
        raise MalformedAnswerError("a header's value is not text")
    named = {name.lower() for name, _ in headers}
    added = {"content-type": "application/json", "x-amzn-requestid": request_id}
    return headers + [(name, value) for name, value in added.items() if name not in named]
