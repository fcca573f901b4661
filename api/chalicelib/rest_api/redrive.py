"""The REST API's route that runs abandoned Invocations again."""

from datetime import UTC, datetime

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.redrive import Selection
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.naming import checked_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import shown
from chalicelib.rest_api.members import body
from chalicelib.tenants.authentication import Principal


def redrive(invocations: InvocationUseCases, call: Call, principal: Principal, name: str) -> HttpAnswer:
    """Run abandoned Invocations of a function again, and say what became of each."""
    done = invocations.redrive.redrive(principal, checked_name(name), _selection(call))
    redriven = tuple(
        models.Redriven(invocation_id=one.invocation_id, redriven_as=one.redriven_as) for one in done if one.redriven_as
    )
    skipped = tuple(models.Skipped(invocation_id=one.invocation_id, reason=one.reason) for one in done if one.reason)
    return shown(models.Redrive(redriven=redriven, skipped=skipped))


def _selection(call: Call) -> Selection:
    asked = body(call, bodies.RedriveSelection)
    ids = tuple(dict.fromkeys(asked["invocation_ids"])) if "invocation_ids" in asked else None
    return Selection(ids, _moment_us(asked["since"]) if "since" in asked else 0)


def _moment_us(text: str) -> int:
    """Read a moment as answers spell it, µs; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise InvalidParameterError(f"since must be a moment such as 2026-01-31T12:00:00Z, not {text!r}") from None
