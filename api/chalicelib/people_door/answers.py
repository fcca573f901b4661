"""Door 2's ways of answering and of reading what is asked, whatever it is about."""

import json
from datetime import UTC, datetime
from typing import Any

from chalice.app import Response

from chalicelib import limits
from chalicelib.calls import Call
from chalicelib.errors import HearthError, InvalidParameterError
from chalicelib.naming import checked_name


def shown(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Show a JSON value."""
    return text(json.dumps(body, separators=(",", ":")), status, headers or {})


def text(body: str, status: int, headers: dict[str, str]) -> Response:
    """Show a text that is JSON already."""
    return Response(body=body, status_code=status, headers={"Content-Type": "application/json", **headers})


def nothing() -> Response:
    """Say that it is done and there is nothing to show."""
    return Response(body="", status_code=204)


def error(refusal: HearthError, request_id: str) -> Response:
    """Show what went wrong."""
    body = {"error": str(refusal), "type": refusal.error_type, "request_id": request_id}
    return shown(body, refusal.status, refusal.headers())


def page_asked(call: Call) -> tuple[str | None, int]:
    """Give the name to list after, and how many things to list."""
    after = call.parameter("after")
    most = number("limit", call.parameter("limit") or str(limits.MAX_PAGE))
    if most == 0:
        raise InvalidParameterError("limit must be 1 or more")
    return checked_name(after) if after else None, most


def number(name: str, digits: str) -> int:
    """Give the whole number that a parameter's text stands for; raise InvalidParameterError."""
    if not digits.isdecimal() or len(digits) > 9:
        raise InvalidParameterError(f"{name} must be a whole number, not {digits!r}")
    return int(digits)


def moment(at_us: int) -> str:
    """Spell a moment."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
