"""Serves a request to a function URL: authenticates the caller, makes the event, runs the function, answers."""

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

from chalicelib.admission.request import InvokeRequest
from chalicelib.calls import Address, Call
from chalicelib.errors import ForbiddenUrlError, NotFoundError
from chalicelib.function_urls import answers, cors
from chalicelib.function_urls.answers import MalformedAnswerError
from chalicelib.function_urls.request import event
from chalicelib.functions.urls import AWS_IAM, FunctionUrl
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.invoke import Invoker, Reply
from chalicelib.tenants.authentication import Authentication, Principal
from shared_lua.contract import Mode, Status

logger = logging.getLogger("hearth")


@dataclass(frozen=True, kw_only=True)
class UrlServer:
    """Serves requests to function URLs."""

    authentication: Authentication
    functions: FunctionUseCases
    invoker: Invoker
    address: Address

    def serve(self, call: Call, url_id: str) -> HttpAnswer:
        """Run the function behind a URL with the request that came to it.

        The rate-limit token of the caller's address is taken first: without it, guessing ids would cost the table a
        read each.
        """
        self.authentication.take_token(call)
        url = self.functions.urls.find(url_id)
        if url is None:
            raise NotFoundError("Not Found")
        if url.cors and cors.is_preflight(call):
            return HttpAnswer(headers=cors.for_preflight(url.cors, call))
        answer = self._run(url, call, self._authenticated(url, call))
        headers = cors.without(answer.headers) if url.cors else answer.headers
        return dataclasses.replace(answer, headers={**headers, **cors.for_answer(url.cors, call)})

    def _authenticated(self, url: FunctionUrl, call: Call) -> Principal:
        """Return who calls: the owner by its signature, or anonymous where a policy opens the URL to everybody."""
        if url.auth_type == AWS_IAM:
            return self.authentication.owner(url.tenant, call)
        if not self.functions.policies.open_url(url.tenant, url.function, url.qualifier):
            raise ForbiddenUrlError
        return self.authentication.anonymous(url.tenant)

    def _run(self, url: FunctionUrl, call: Call, principal: Principal) -> HttpAnswer:
        text = event(url, call, self.address.of(call))
        request = InvokeRequest(function=url.function, event=text, mode=Mode.SYNC, qualifier=url.qualifier)
        return _answer(self.invoker.invoke(principal, request))


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
