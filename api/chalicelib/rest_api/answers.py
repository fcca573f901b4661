"""Door 2's ways of answering and of reading what is asked, whatever it is about."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib import limits
from chalicelib.calls import Call
from chalicelib.errors import HearthError, InvalidParameterError
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.naming import checked_name, checked_qualifier
from shared_lua.contract import LATEST


def shown(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpAnswer:
    """Show a JSON value."""
    return json_answer(json.dumps(body, separators=(",", ":")), status, headers)


def nothing() -> HttpAnswer:
    """Say that it is done and there is nothing to show."""
    return HttpAnswer(status=204)


def error(refusal: HearthError, request_id: str) -> HttpAnswer:
    """Show what went wrong."""
    body = {"error": str(refusal), "type": refusal.error_type, "request_id": request_id}
    return shown(body, refusal.status, refusal.headers())


def page_asked(call: Call, checked: Callable[[str], str | None] = checked_name) -> tuple[str | None, int]:
    """Give the name to list after, and how many things to list; raise InvalidParameterError."""
    after = call.parameter("after")
    return checked(after) if after else None, most_asked(call)


def most_asked(call: Call) -> int:
    """Give how many things to list: what `limit` says, but never more than a page; raise InvalidParameterError."""
    most = number("limit", call.parameter("limit") or str(limits.MAX_PAGE))
    if most == 0:
        raise InvalidParameterError("limit must be 1 or more")
    return min(most, limits.MAX_PAGE)


def qualifier_asked(call: Call) -> str | None:
    """Give the version or alias that `?qualifier=` names, None for $LATEST; raise InvalidParameterError."""
    qualifier = checked_qualifier(call.parameter("qualifier") or None)
    return None if qualifier == LATEST else qualifier


def members_asked(call: Call, known: Mapping[str, tuple[type, str]]) -> dict[str, Any]:
    """Give the members of a JSON body that are named, each of the type known for it; raise InvalidParameterError.

    `object` is any JSON.
    """
    asked = {name: value for name, value in call.json().items() if value is not None}
    for name, value in asked.items():
        if name not in known:
            raise InvalidParameterError(f"Unknown member {name!r}; known: {', '.join(known)}")
        kind, spelt = known[name]
        if kind is not object and type(value) is not kind:  # exact: JSON's true would pass for a number
            raise InvalidParameterError(f"{name} must be {spelt}")
    return asked


def number(name: str, digits: str) -> int:
    """Give the whole number that a parameter's text stands for; raise InvalidParameterError."""
    if not digits.isdecimal() or len(digits) > 9:
        raise InvalidParameterError(f"{name} must be a whole number, not {digits!r}")
    return int(digits)


def moment(at_us: int) -> str:
    """Spell a moment."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
