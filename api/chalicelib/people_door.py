"""Door 2, for people and curl: short routes, plain JSON; parses and renders, and decides nothing."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from chalice.app import Response

from chalicelib import limits
from chalicelib.advice import MIN_RUNS, Advice
from chalicelib.calls import Call
from chalicelib.errors import HearthError, InvalidParameterError
from chalicelib.function import Function
from chalicelib.invocations import Reply, Wish
from chalicelib.ledger import Row
from chalicelib.naming import checked_name
from chalicelib.registry import Page
from shared_lua.contract import Mode, Outcome, Settlement, Status, Usage

#: Query parameters of an upload: texts, then whole numbers.
TEXTS = ("runtime", "handler")
NUMBERS = ("memory_mb", "timeout_s")


def upload(call: Call) -> dict[str, Any]:
    """Give what an upload's query names; raise InvalidParameterError for a word that is not one of them."""
    asked = dict(call.query)
    unknown = sorted(set(asked) - {*TEXTS, *NUMBERS})
    if unknown:
        raise InvalidParameterError(f"Unknown parameter {unknown[0]!r}; known: {', '.join(TEXTS + NUMBERS)}")
    texts = {name: asked[name] for name in TEXTS if name in asked}
    return texts | {name: _number(name, asked[name]) for name in NUMBERS if name in asked}


def page_asked(call: Call) -> tuple[str | None, int]:
    """Give the name to list after, and how many functions to list."""
    after = call.parameter("after")
    return checked_name(after) if after else None, _number("limit", call.parameter("limit") or str(limits.MAX_PAGE))


def wish(call: Call, name: str) -> Wish:
    """Give what an invocation asks for."""
    mode = call.parameter("mode") or ("async" if "respond-async" in (call.header("prefer") or "").lower() else "sync")
    if mode not in list(Mode):
        raise InvalidParameterError(f"mode must be sync or async, not {mode!r}")
    return Wish(function=checked_name(name), event=call.body, mode=Mode(mode))


def function(shown: Function, status: int = 200) -> Response:
    """Show a function."""
    return _json(_function(shown), status)


def page(shown: Page) -> Response:
    """Show a page of functions."""
    return _json({"functions": [_function(one) for one in shown.functions], "next_after": shown.next_after})


def nothing() -> Response:
    """Say that it is done and there is nothing to show."""
    return Response(body="", status_code=204)


def reply(given: Reply, call: Call) -> Response:
    """Show an outcome as the function gave it, or where it will be."""
    headers = {"X-Hearth-Invocation-Id": given.invocation_id}
    if given.outcome is None:
        where = {"Location": f"/invocations/{given.invocation_id}"}
        return _json({"invocation_id": given.invocation_id, "status": Status.QUEUED}, 202, headers | where)
    if given.outcome.status is Status.FAILED:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if call.header("x-amz-log-type") == "Tail":
        headers["X-Hearth-Log-Result"] = base64.b64encode(given.outcome.log_tail.encode(errors="replace")).decode()
    return _text(given.outcome.payload or "", 200, headers)


def invocation(row: Row, payload: str | None) -> Response:
    """Show all that is known of an Invocation; `payload` is its answer's text."""
    settlement = row.settlement
    return _json(
        {
            "invocation_id": row.invocation_id,
            "function": row.function,
            "status": row.status,
            "attempt": row.attempt,
            "created": _time(row.created_at_us),
            "settled": _time(settlement.settled_at_us) if settlement else None,
            "outcome": _outcome(settlement.outcome, payload) if settlement else None,
            **_bill(settlement),
        }
    )


def advice(given: Advice | None, name: str) -> Response:
    """Show advice on a function's memory, or that there is none yet."""
    if given is None:
        reason = f"fewer than {MIN_RUNS} recent runs at its memory size with a whole bill: run it some more"
        return _json({"function": name, "advice": None, "reason": reason})
    return _json({"function": name, "advice": vars(given)})


def health(states: dict[str, str]) -> Response:
    """Show each part's state: 200 when all are well, 503 when one is not."""
    well = all(state == "ok" for state in states.values())
    body = {"status": "ok" if well else "down", "parts": states}
    return _json(body, 200 if well else 503, {} if well else {"Retry-After": "5"})


def error(refusal: HearthError, request_id: str) -> Response:
    """Show what went wrong."""
    body = {"error": str(refusal), "type": refusal.error_type, "request_id": request_id}
    return _json(body, refusal.status, refusal.headers())


def _function(shown: Function) -> dict[str, Any]:
    version = shown.version
    return {
        "name": version.function,
        "arn": version.arn,
        "version_id": version.version_id,
        "runtime": version.runtime,
        "handler": version.handler,
        "memory_mb": version.memory_mb,
        "timeout_s": version.timeout_s,
        "environment": dict(version.environment),
        "description": shown.description,
        "code_sha256": version.code_sha256,
        "code_bytes": version.code_bytes,
        "unpacked_bytes": version.unpacked_bytes,
        "modified": _time(shown.modified_at_us),
    }


def _outcome(outcome: Outcome, payload: str | None) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "payload": _json_or_text(payload),
        "error_type": outcome.error_type,
        "log_tail": outcome.log_tail,
        "executed": outcome.executed,
    }


def _bill(settlement: Settlement | None) -> dict[str, Any]:
    usage = settlement.usage if settlement else None
    charge = settlement.charge if settlement else None
    return {
        "phases": _phases(usage) if usage else None,
        "usage": vars(usage) if usage else None,
        "charge": {**vars(charge), "total_pico_usd": charge.total_pico_usd} if charge else None,
    }


def _phases(usage: Usage) -> dict[str, float]:
    return {
        "queue_ms": usage.queue_us / 1000,
        "start_ms": usage.start_us / 1000,
        "run_ms": usage.run_us / 1000,
    }


def _json_or_text(payload: str | None) -> Any:
    """A custom runtime may answer what is not JSON; it is shown as it is then."""
    try:
        return json.loads(payload) if payload is not None else None
    except (ValueError, RecursionError):
        return payload


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InvalidParameterError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _text(json.dumps(body, separators=(",", ":")), status, headers or {})


def _text(body: str, status: int, headers: dict[str, str]) -> Response:
    return Response(body=body, status_code=status, headers={"Content-Type": "application/json", **headers})
