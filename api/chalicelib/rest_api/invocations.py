"""The REST API's routes on Invocations."""

import base64
import json
from typing import Any

from chalicelib.admission.request import InvokeRequest
from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer, json_answer
from chalicelib.invocations.advice import MIN_RUNS
from chalicelib.invocations.invoke import Reply
from chalicelib.invocations.ledger import Row
from chalicelib.invocations.logs import FunctionLog
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.naming import asked_qualifier, checked_name, checked_qualifier
from chalicelib.rest_api import models
from chalicelib.rest_api.answers import moment, most_asked, shown
from chalicelib.tenants.authentication import Principal
from shared_lua.contract import Charge, Mode, Outcome, Status, Usage


def run(invocations: InvocationUseCases, call: Call, principal: Principal, name: str) -> HttpAnswer:
    """Run a function with the event that is the body."""
    return _reply(invocations.invoker.invoke(principal, _request(call, name)), call)


def show(invocations: InvocationUseCases, _call: Call, tenant: str, invocation_id: str) -> HttpAnswer:
    """Show all that is known of one Invocation."""
    row = invocations.records.row(tenant, invocation_id)
    settlement = row.settlement
    payload = invocations.records.payload(settlement) if settlement else None
    outcome = _outcome(settlement.outcome, payload) if settlement else None
    log_tail = invocations.records.log_tail(row)
    return shown(models.Invocation({**_about(row), "outcome": outcome, "log_tail": log_tail}))


def list_all(invocations: InvocationUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's Invocations, newest first."""
    rows, next_after = invocations.records.page(tenant, checked_name(name), call.parameter("after"), most_asked(call))
    return shown(models.Invocations(invocations=tuple(_summary(row) for row in rows), next_after=next_after))


def logs(invocations: InvocationUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the ends of a function's recent logs, oldest first; with `follow`, wait for what was not shown yet."""
    seen = invocations.logs.look(tenant, checked_name(name), call.parameter("follow"), most_asked(call))
    return shown(models.Logs(logs=tuple(_log(one) for one in seen.logs), next=seen.cursor))


def advice(invocations: InvocationUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Say which memory size would have been enough for a function, or that it is too early to say."""
    found = invocations.records.advice(tenant, checked_name(name))
    answer = models.FunctionAdvice(function=name, advice=found)
    reason = f"fewer than {MIN_RUNS} recent runs at its memory size with a whole bill: run it some more"
    return shown(answer if found else {**answer, "reason": reason})


def _request(call: Call, name: str) -> InvokeRequest:
    """Return what an invocation asks for."""
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
    """Return an outcome as the function gave it, or where it will be."""
    headers = {"X-Hearth-Invocation-Id": given.invocation_id, "X-Amz-Executed-Version": given.version}
    if given.replayed:
        headers["Idempotency-Replayed"] = "true"
    if given.outcome is None:
        where = {"Location": f"/invocations/{given.invocation_id}"}
        return shown(models.Accepted(invocation_id=given.invocation_id, status=Status.QUEUED), 202, headers | where)
    if given.outcome.status is Status.FAILED:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if call.header("x-amz-log-type") == "Tail":
        headers["X-Hearth-Log-Result"] = base64.b64encode(given.outcome.log_tail.encode(errors="replace")).decode()
    return json_answer(given.outcome.payload or "", 200, headers)


def _summary(row: Row) -> models.InvocationSummary:
    outcome = row.settlement.outcome if row.settlement else None
    return {**_about(row), "error_type": outcome.error_type if outcome else None}


def _about(row: Row) -> models.InvocationBase:
    settlement = row.settlement
    usage = settlement.usage if settlement else None
    charge = settlement.charge if settlement else None
    return {
        "invocation_id": row.invocation_id,
        "function": row.function,
        "status": row.status,
        "attempt": row.attempt,
        "tries": settlement.tries if settlement else row.tries,
        "created": moment(row.created_at_us),
        "settled": moment(settlement.settled_at_us) if settlement else None,
        "redriven_as": row.redriven_as,
        "phases": _phases(usage) if usage else None,
        "usage": usage,
        "charge": _charge(charge) if charge else None,
    }


def _charge(charge: Charge) -> models.Charge:
    return models.Charge(
        billed_us=charge.billed_us,
        memory_mb=charge.memory_mb,
        duration_pico_usd=charge.duration_pico_usd,
        request_pico_usd=charge.request_pico_usd,
        total_pico_usd=charge.total_pico_usd,
    )


def _phases(usage: Usage) -> models.Phases:
    return models.Phases(queue_ms=usage.queue_us / 1000, start_ms=usage.start_us / 1000, run_ms=usage.run_us / 1000)


def _log(one: FunctionLog) -> models.Log:
    return models.Log(
        invocation_id=one.row.invocation_id,
        status=one.row.status,
        created=moment(one.row.created_at_us),
        log=one.text,
    )


def _outcome(outcome: Outcome, payload: str | None) -> models.Outcome:
    return models.Outcome(
        status=outcome.status,
        payload=_json_or_text(payload),
        error_type=outcome.error_type,
        log_tail=outcome.log_tail,
        executed=outcome.executed,
    )


def _json_or_text(payload: str | None) -> Any:
    """Return a payload as JSON; a custom runtime may answer what is not JSON, which is shown as it is."""
    try:
        return json.loads(payload) if payload is not None else None
    except (ValueError, RecursionError):
        return payload
