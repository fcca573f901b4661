"""Serves a request to a function URL: who may, the event, the run, the answer; never how any of these is spelt."""

import dataclasses
import logging
from typing import Any

from chalicelib.admission.request import InvokeRequest
from chalicelib.calls import Call
from chalicelib.errors import ForbiddenUrlError, NotFoundError
from chalicelib.function_urls import answers, cors
from chalicelib.function_urls.answers import MalformedAnswerError
from chalicelib.function_urls.request import event
from chalicelib.functions.urls import AWS_IAM, FunctionUrl
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.invoke import Reply
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller
from shared_lua.contract import Mode, Status

logger = logging.getLogger("hearth")


def serve(hearth: Controller, call: Call, url_id: str, **_below: str) -> HttpAnswer:
    """Run the function behind a URL with the request that came to it.

    The address's token comes first: without it, trying ids would cost the table a read each.
    """
    with hearth.tracing.segment("hearth-url", call.header("x-amzn-trace-id")):
        hearth.tenants.authentication.take_token(call)
        url = hearth.functions.urls.find(url_id)
        if url is None:
            raise NotFoundError("Not Found")
        if url.cors and cors.is_preflight(call):
            return HttpAnswer(headers=cors.for_preflight(url.cors, call))
        answer = _run(hearth, url, call, _let_in(hearth, url, call))
    headers = cors.without(answer.headers) if url.cors else answer.headers
    return dataclasses.replace(answer, headers={**headers, **cors.for_answer(url.cors, call)})


def _let_in(hearth: Controller, url: FunctionUrl, call: Call) -> Principal:
    """Give the visitor if it may use the URL: by the owner's own signature, or by a policy that opens it to all."""
    if url.auth_type == AWS_IAM:
        return hearth.tenants.authentication.owner(url.tenant, call)
    if not hearth.functions.policies.open_url(url.tenant, url.function, url.qualifier):
        raise ForbiddenUrlError
    return hearth.tenants.authentication.anonymous(url.tenant)


def _run(hearth: Controller, url: FunctionUrl, call: Call, principal: Principal) -> HttpAnswer:
    request = InvokeRequest(
        function=url.function, event=event(url, call, hearth.base_of(call)), mode=Mode.SYNC, qualifier=url.qualifier
    )
    return _answer(hearth.invocations.invoker.invoke(principal, request))


def _answer(reply: Reply) -> HttpAnswer:
    outcome = reply.outcome
    if outcome is None:
        return answers.timed_out(reply.invocation_id)
    if outcome.status is Status.FAILED:
        return answers.failed()
    try:
        return answers.interpreted(outcome.payload)
    except MalformedAnswerError as error:
        logger.info("A function's answer is no HTTP", extra=_about(reply, error))
        return answers.failed()


def _about(reply: Reply, error: MalformedAnswerError) -> dict[str, Any]:
    return {"action": "url_answer_malformed", "invocation_id": reply.invocation_id, "reason": str(error)}
