"""The Lambda API's Invoke: reads an InvokeRequest from the members, renders the Reply as Lambda does."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from chalicelib import limits
from chalicelib.admission.request import InvokeRequest
from chalicelib.errors import InvalidParameterError, InvalidRequestContentError
from chalicelib.invocations.invoke import Invoker, Reply
from chalicelib.naming import Home, Named
from chalicelib.tenants.authentication import Principal
from shared_lua.contract import Mode, Status

MODES = {"RequestResponse": Mode.SYNC, "Event": Mode.ASYNC, "DryRun": Mode.SYNC}


@dataclasses.dataclass(frozen=True)
class InvokeResult:
    """The members of Invoke's answer, and the headers that Hearth adds."""

    members: dict[str, Any]
    headers: dict[str, str]


def invoke(invoker: Invoker, home: Home, principal: Principal, asked: Mapping[str, Any]) -> InvokeResult:
    """Invoke: 200 with the function's answer, 202 when it is queued or still runs, 204 for a dry run."""
    request = _request(asked, home.find(principal.tenant, asked["FunctionName"], asked.get("Qualifier")))
    if asked.get("InvocationType") == "DryRun":
        invoker.check(principal, request)
        return InvokeResult({"StatusCode": 204, "Payload": ""}, {})
    return _answer(invoker.invoke(principal, request), wants_log=asked.get("LogType") == "Tail")


def _request(asked: Mapping[str, Any], named: Named) -> InvokeRequest:
    kind = asked.get("InvocationType", "RequestResponse")
    if kind not in MODES:
        raise InvalidParameterError(f"InvocationType must be RequestResponse, Event or DryRun, not {kind!r}")
    context = _client_context(asked.get("ClientContext"))
    return InvokeRequest(
        function=named.name,
        qualifier=named.qualifier,
        event=asked.get("Payload", b""),
        mode=MODES[kind],
        client_context=context,
    )


def _answer(reply: Reply, *, wants_log: bool) -> InvokeResult:
    headers = {"X-Hearth-Invocation-Id": reply.invocation_id}
    members: dict[str, Any] = {"StatusCode": 202, "Payload": "", "ExecutedVersion": reply.version}
    outcome = reply.outcome
    if outcome is None:
        return InvokeResult(members, headers | {"Location": f"/invocations/{reply.invocation_id}"})
    members |= {"StatusCode": 200, "Payload": outcome.payload or ""}
    if outcome.status is Status.FAILED:
        members["FunctionError"] = "Unhandled"
    if wants_log:
        members["LogResult"] = base64.b64encode(outcome.log_tail.encode(errors="replace")).decode()
    return InvokeResult(members, headers)


def _client_context(header: str | None) -> str | None:
    if not header:
        return None
    try:
        context = json.loads(base64.b64decode(header, validate=True))
    except (ValueError, RecursionError):
        context = None
    if not isinstance(context, dict) or len(header) > limits.MAX_CLIENT_CONTEXT_CHARS:
        raise InvalidRequestContentError(
            f"ClientContext must be a JSON object in base64, {limits.MAX_CLIENT_CONTEXT_CHARS} characters at most"
        )
    return json.dumps(context)  # one line of ASCII, since it travels to the function in a header
