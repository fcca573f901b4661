"""Door 2's routes on Invocations."""

import base64
import json
from typing import Any

from chalicelib.admission.request import InvokeRequest
from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.invocations.invoke import Reply
from chalicelib.invocations.ledger import Row
from chalicelib.invocations.logs import FunctionLog
from chalicelib.naming import asked_qualifier, checked_name, checked_qualifier
from chalicelib.rest_api.answers import moment, most_asked, shown
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller
from shared_lua.contract import Mode, Outcome, Settlement, Status, Usage


def run(hearth: Controller, call: Call, principal: Principal, name: str) -> HttpAnswer:
    """Run a function with the event that is the body."""
    return _reply(hearth.invocations.invoker.invoke(principal, _request(call, name)), call)


def show(hearth: Controller, _call: Call, tenant: str, invocation_id: str) -> HttpAnswer:
    """Show all that is known of one Invocation."""
    row = hearth.invocations.records.row(tenant, invocation_id)
    settlement = row.settlement
    payload = hearth.invocations.records.payload(settlement) if settlement else None
    outcome = _outcome(settlement.outcome, payload) if settlement else None
    log_tail = hearth.invocations.records.log_tail(row)
    return shown({**_listed(row), "outcome": outcome, "log_tail": log_tail, **_bill(settlement)})


def list_all(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's Invocations, newest first."""
    rows, next_after = hearth.invocations.records.page(
        tenant, checked_name(name), call.parameter("after"), most_asked(call)
    )
    return shown({"invocations": [_summary(row) for row in rows], "next_after": next_after})


def logs(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the ends of a function's recent logs, oldest first; with `follow`, wait for what was not shown yet."""
    seen = hearth.invocations.logs.look(tenant, checked_name(name), call.parameter("follow"), most_asked(call))
    return shown({"logs": [_log(one) for one in seen.logs], "next": seen.cursor})


def _request(call: Call, name: str) -> InvokeRequest:
    """Give what an invocation asks for."""
    mode = call.parameter("mode") or ("async" if "respond-async" in (call.header("prefer") or "").lower() else "sync")
    if mode not in list(Mode):
        raise InvalidParameterError(f"mode must be sync or async, not {mode!r}")
    qualifier = asked_qualifier(name, checked_qualifier(call.parameter("qualifier")))
    return InvokeRequest(
        function=checked_name(name),
        event=call.body,
        mode=Mode(mode),
        qualifier=qualifier,
        idempotency_key=call.header("idempotency-key"),
    )


def _reply(given: Reply, call: Call) -> HttpAnswer:
    """Show an outcome as the function gave it, or where it will be."""
    headers = {"X-Hearth-Invocation-Id": given.invocation_id, "X-Amz-Executed-Version": given.version}
    if given.replayed:
        headers["Idempotency-Replayed"] = "true"
    if given.outcome is None:
        where = {"Location": f"/invocations/{given.invocation_id}"}
        return shown({"invocation_id": given.invocation_id, "status": Status.QUEUED}, 202, headers | where)
    if given.outcome.status is Status.FAILED:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if call.header("x-amz-log-type") == "Tail":
        headers["X-Hearth-Log-Result"] = base64.b64encode(given.outcome.log_tail.encode(errors="replace")).decode()
    return json_answer(given.outcome.payload or "", 200, headers)


def _listed(row: Row) -> dict[str, Any]:
    return {
        "invocation_id": row.invocation_id,
        "function": row.function,
        "status": row.status,
        "attempt": row.attempt,
        "tries": row.settlement.tries if row.settlement else row.tries,
        "created": moment(row.created_at_us),
        "settled": moment(row.settlement.settled_at_us) if row.settlement else None,
        "redriven_as": row.redriven_as,
    }


def _summary(row: Row) -> dict[str, Any]:
    """What a list says of one: all but what it answered and printed."""
    outcome = row.settlement.outcome if row.settlement else None
    return {**_listed(row), "error_type": outcome.error_type if outcome else None, **_bill(row.settlement)}


def _log(one: FunctionLog) -> dict[str, Any]:
    return {
        "invocation_id": one.row.invocation_id,
        "status": one.row.status,
        "created": moment(one.row.created_at_us),
        "log": one.text,
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
