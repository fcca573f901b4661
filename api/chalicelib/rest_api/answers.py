"""The REST API's ways of answering, and of reading what most of its routes read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib import limits
from chalicelib.calls import Call
from chalicelib.errors import HearthError, InvalidParameterError
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api import models
from chalicelib.rest_api.members import as_json
from shared_lua.contract import LATEST


def shown(model: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Return the answer whose body is this model."""
    return json_answer(as_json(model), status, headers)


def nothing() -> HttpAnswer:
    """Return the answer without a body."""
    return HttpAnswer(status=204)


def error(refusal: HearthError, request_id: str) -> HttpAnswer:
    """Return the answer that says what went wrong."""
    body = models.Error(error=str(refusal), type=refusal.error_type, request_id=request_id)
    return shown(body, refusal.status, refusal.headers())


def page_asked(call: Call, checked: Callable[[str], str | None] = checked_name) -> tuple[str | None, int]:
    """Return the name to list after, and how many things to list; raise InvalidParameterError."""
    after = call.parameter("after")
    return checked(after) if after else None, most_asked(call)


def most_asked(call: Call) -> int:
    """Return how many things to list: `limit`, but never more than a page; raise InvalidParameterError."""
    most = number("limit", call.parameter("limit") or str(limits.MAX_PAGE))
    if most == 0:
        raise InvalidParameterError("limit must be 1 or more")
    return min(most, limits.MAX_PAGE)


def qualifier_asked(call: Call) -> str | None:
    """Return the version or alias that `?qualifier=` names, None for $LATEST; raise InvalidParameterError."""
    qualifier = checked_qualifier(call.parameter("qualifier") or None)
    return None if qualifier == LATEST else qualifier


def number(name: str, digits: str) -> int:
    """Return the whole number that a parameter's text stands for; raise InvalidParameterError."""
    if not digits.isdecimal() or len(digits) > 9:
        raise InvalidParameterError(f"{name} must be a whole number, not {digits!r}")
    return int(digits)


def moment(at_us: int) -> str:
    """Return a moment as answers spell it."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
