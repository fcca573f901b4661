"""Door 2's route that runs again what was given up."""

from datetime import UTC, datetime
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.redrive import MOST, Selection
from chalicelib.naming import checked_name
from chalicelib.rest_api.answers import shown
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller

MEMBERS = ("invocation_ids", "since")


def redrive(hearth: Controller, call: Call, principal: Principal, name: str) -> HttpAnswer:
    """Run again what the platform gave up, and say of each what became of it."""
    done = hearth.invocations.redrive.redrive(principal, checked_name(name), _selection(call))
    return shown(
        {
            "redriven": [
                {"invocation_id": one.invocation_id, "redriven_as": one.redriven_as} for one in done if one.redriven_as
            ],
            "skipped": [{"invocation_id": one.invocation_id, "reason": one.reason} for one in done if one.reason],
        }
    )


def _selection(call: Call) -> Selection:
    asked = call.json() if call.body else {}
    unknown = sorted(set(asked) - set(MEMBERS))
    if unknown:
        raise InvalidParameterError(f"Unknown member {unknown[0]!r}; known: {', '.join(MEMBERS)}")
    ids = _ids(asked["invocation_ids"]) if "invocation_ids" in asked else None
    return Selection(ids, _moment_us(asked["since"]) if "since" in asked else 0)


def _ids(asked: Any) -> tuple[str, ...]:
    if (
        not isinstance(asked, list)
        or not 1 <= len(asked) <= MOST
        or not all(isinstance(one, str) and 1 <= len(one.encode(errors="replace")) <= 128 for one in asked)
    ):
        raise InvalidParameterError(f"invocation_ids must be a list of 1 to {MOST} ids")
    return tuple(dict.fromkeys(asked))


def _moment_us(asked: Any) -> int:
    """Read a moment as answers spell it; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(asked)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000)
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameterError(f"since must be a moment such as 2026-01-31T12:00:00Z, not {asked!r}") from None
