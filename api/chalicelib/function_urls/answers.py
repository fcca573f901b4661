"""Turns a function's result into an HTTP answer, as Lambda's function URLs do."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.errors import HearthError, UnauthenticatedError
from chalicelib.http_answer import HttpAnswer

STATUS = range(200, 600)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

#: Headers about the connection, which only the gateway may set: a false length would make one answer look like two.
NOT_THEIRS = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"proxy-authenticate", "proxy-connection", "date"}
)


class MalformedAnswerError(ValueError):
    """The function's result is not a valid HTTP answer; the caller gets a 502."""


def interpreted(payload: str | None) -> HttpAnswer:
    """Return the HTTP answer that a function's result describes; raise MalformedAnswerError when it is not valid.

    An object with a `statusCode` is an answer; any other JSON value is the body of a 200.
    """
    try:
        said = json.loads(payload or "")
    except (ValueError, RecursionError):
        raise MalformedAnswerError("the function's answer is not JSON") from None
    if not isinstance(said, dict) or "statusCode" not in said:
        return HttpAnswer(status=200, headers={"content-type": "application/json"}, body=payload or "")
    return HttpAnswer(
        status=_status(said["statusCode"]),
        headers={"content-type": "application/json", **_headers(said.get("headers") or {})},
        cookies=_cookies(said.get("cookies") or []),
        **_body(said),
    )


def failed() -> HttpAnswer:
    """Return the answer for an error of the function, which tells the caller no detail."""
    return _message(502, {"message": "Internal Server Error"})


def timed_out(invocation_id: str) -> HttpAnswer:
    """Return the answer for a run that outlives the gateway's limit. It runs on, and its owner can look it up."""
    where = {"location": f"/invocations/{invocation_id}"}
    return _message(504, {"message": "Gateway Timeout"}, where)


def error(refusal: HearthError, _request_id: str) -> HttpAnswer:
    """Return Lambda's answer for a request that does not reach the function."""
    sentence = "Forbidden" if isinstance(refusal, UnauthenticatedError) else str(refusal)
    status = refusal.lambda_status or refusal.status
    headers = {"x-amzn-ErrorType": refusal.error_type, **refusal.headers()}
    return _message(status, {"Message": sentence}, headers)


def _message(status: int, body: Mapping[str, str], headers: Mapping[str, str] | None = None) -> HttpAnswer:
    named = {"content-type": "application/json", **(headers or {})}
    return HttpAnswer(status=status, headers=named, body=json.dumps(body, separators=(",", ":")))


def _status(said: Any) -> int:
    if isinstance(said, str) and re.fullmatch(r"[0-9]{3}", said):
        said = int(said)
    if type(said) is not int or said not in STATUS:
        raise MalformedAnswerError(f"statusCode {said!r} is none")
    return said


def _headers(said: Any) -> dict[str, str]:
    if not isinstance(said, dict):
        raise MalformedAnswerError("headers is no object")
    spelt = {name.lower(): _header(name, value) for name, value in said.items() if value is not None}
    return {name: value for name, value in spelt.items() if name not in NOT_THEIRS}


def _header(name: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, dict | list) or not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(text):
        raise MalformedAnswerError(f"header {name!r} cannot be sent")
    return text


def _cookies(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(one, str) and HEADER_VALUE.fullmatch(one) for one in said):
        raise MalformedAnswerError("cookies is no list of texts that can be sent")
    return tuple(said)


def _body(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return body and encoding. A body that is not a text is sent as JSON."""
    body = said.get("body")
    if body is None:
        return {"body": ""}
    if not isinstance(body, str):
        return {"body": json.dumps(body, separators=(",", ":"))}
    if said.get("isBase64Encoded") is not True:
        return {"body": body}
    try:
        base64.b64decode(body, validate=True)
    except ValueError:
        raise MalformedAnswerError("the body is not the base64 that isBase64Encoded says") from None
    return {"body": body, "is_base64": True}
