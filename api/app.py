"""The controller's Chalice app: registers the routes of the three APIs, authenticates calls and renders answers."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chalice.app import CloudWatchEvent, Rate, Response, SQSEvent
from chalicelib import event_sources, wiring
from chalicelib.calls import Call, from_event
from chalicelib.errors import HearthError, TooManyRequestsError, UnavailableError
from chalicelib.function_urls import answers as url_answers
from chalicelib.function_urls import offered as function_urls
from chalicelib.function_urls.view import UrlServer
from chalicelib.http_answer import HttpAnswer
from chalicelib.lambda_api import answers as lambda_answers
from chalicelib.lambda_api import offered as lambda_api
from chalicelib.lambda_api.model import Operation
from chalicelib.rest_api import answers as rest_answers
from chalicelib.rest_api import offered as rest_api
from chalicelib.tenants.authentication import Authentication, Principal
from chalicelib.threadsafe import ThreadSafeChalice
from chalicelib.wiring import Controller

from shared_lua import keys

#: Gets the controller, the call, the caller where it is authenticated, and what the path names, by name.
View = Callable[..., HttpAnswer]
#: Authenticates a call as its route demands, then calls the route's view.
Guard = Callable[[View, Call, Mapping[str, str]], HttpAnswer]

#: Every route takes every content type: Chalice would answer 415 in a shape that no API of ours has.
ANY = ["*/*"]

logger = logging.getLogger("hearth")

app = ThreadSafeChalice("hearth")

# Bodies of these types come through the gateway byte for byte. `application/x-www-form-urlencoded` is what curl sends
# by default. Neither */* nor JSON may be here: answers of a binary type need an Accept header to match.
app.api.binary_types = [
    *app.api.default_binary_types,
    "application/x-zip",
    "application/x-zip-compressed",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
]


@dataclass(frozen=True)
class Api:
    """One of the three APIs: its name in metrics, and how it renders an error."""

    name: str
    render_error: Callable[[HearthError, str], HttpAnswer]


REST = Api("rest", rest_answers.error)
LAMBDA = Api("lambda", lambda_answers.error)
URL = Api("url", url_answers.error)


class ProxyResponse(Response):
    """An HttpAnswer in the form that API Gateway takes.

    Chalice's own rendering refuses an answer of a binary type when the caller sends no matching Accept header, and
    encodes base64 once more.
    """

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(body="", status_code=answer.status)
        self._answer = answer

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:  # noqa: ARG002  (Chalice's signature)
        """Return the proxy integration's answer object."""
        answer = self._answer
        return {
            "statusCode": answer.status,
            "headers": dict(answer.headers),
            "multiValueHeaders": {"set-cookie": list(answer.cookies)} if answer.cookies else {},
            "body": answer.body,
            "isBase64Encoded": answer.is_base64,
        }


def register(api: Api, method: str, path: str, view: View, guard: Guard) -> None:
    """Make Chalice serve a route, whose calls are counted and timed."""

    def route(**names: str) -> ProxyResponse:
        began = time.perf_counter()
        wiring.metrics().asked(api.name)
        request = app.current_request
        call = from_event(request.to_original_event(), bytes(request.raw_body))
        answer = serve(api, view, guard, call, {name: unquote(value) for name, value in names.items()})
        wiring.metrics().answered(api.name, answer.status, time.perf_counter() - began)
        return ProxyResponse(answer)

    app.route(path, methods=[method], content_types=ANY, name=f"{method} {path}")(route)


def serve(api: Api, view: View, guard: Guard, call: Call, names: Mapping[str, str]) -> HttpAnswer:
    """Return the view's answer, or the error that it raised in the API's own shape."""
    try:
        return guard(view, call, names)
    except HearthError as error:
        if isinstance(error, UnavailableError):
            log(logging.WARNING, "A dependency is down", "part_down", call)
        if isinstance(error, TooManyRequestsError):
            wiring.metrics().refused(error.fields()["Reason"])
        return api.render_error(error, call.request_id)
    except Exception:  # noqa: BLE001  the last line of defence: Chalice's own answer is not in our shape
        log(logging.ERROR, "A call failed unexpectedly", "call_failed", call)
        return api.render_error(HearthError(), call.request_id)


def authenticated(
    view: View,
    call: Call,
    names: Mapping[str, str],
    enter: Callable[[Authentication, Call], str] = Authentication.enter,
) -> HttpAnswer:
    """Authenticate the tenant and take its rate-limit tokens, then call the view; all under one trace."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-api", call.header("x-amzn-trace-id")):
        with hearth.tracing.subsegment("admission"):
            tenant = enter(hearth.tenants.authentication, call)
        # Passed by position: a path may name a tenant too.
        return view(hearth, call, tenant, **names)


def authenticated_admin(view: View, call: Call, names: Mapping[str, str]) -> HttpAnswer:
    """Do the same for a route that takes the admin key alone."""
    return authenticated(view, call, names, Authentication.enter_admin)


def identified(view: View, call: Call, names: Mapping[str, str]) -> HttpAnswer:
    """Authenticate the tenant only: the view runs a function, and takes tokens and permit in one admission."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-api", call.header("x-amzn-trace-id")):
        return view(hearth, call, hearth.tenants.authentication.identify(call), **names)


def public(view: View, call: Call, names: Mapping[str, str]) -> HttpAnswer:
    """Call the view without authentication."""
    return view(wiring.controller(), call, **names)


def log(level: int, sentence: str, action: str, call: Call) -> None:
    """Log the exception being handled, with the request's id."""
    logger.log(level, sentence, exc_info=True, extra={"action": action, "request_id": call.request_id})


def rest_view(route: rest_api.Route) -> View:
    """Return the view of a route of the REST API, with what it needs of the controller bound."""

    def view(hearth: Controller, *call: Any, **names: str) -> HttpAnswer:
        return route.view(*(getattr(hearth, name) for name in route.needs), *call, **names)

    return view


def lambda_operation(candidates: list[Operation]) -> View:
    """Return the view of one path and method of the Lambda API, which several operations may share."""

    def view(hearth: Controller, call: Call, tenant: str, **names: str) -> HttpAnswer:
        return lambda_api.read(candidates, call, names).serve(hearth.functions, tenant, hearth.address.of(call))

    return view


def lambda_run(operation: Operation) -> View:
    """Return the view of an operation of the Lambda API that runs a function."""

    def view(hearth: Controller, call: Call, principal: Principal, **names: str) -> HttpAnswer:
        request = lambda_api.read([operation], call, names)
        return request.run(hearth.invocations.invoker, hearth.functions.home, principal)

    return view


def function_url(hearth: Controller, call: Call, url_id: str, **_below: str) -> HttpAnswer:
    """Serve a request to a function URL, which authenticates by itself; under one trace."""
    server = UrlServer(
        authentication=hearth.tenants.authentication,
        functions=hearth.functions,
        invoker=hearth.invocations.invoker,
        address=hearth.address,
    )
    with hearth.tracing.segment("hearth-url", call.header("x-amzn-trace-id")):
        return server.serve(call, url_id)


for table, guard in (
    (rest_api.PUBLIC, public),
    (rest_api.OFFERED, authenticated),
    (rest_api.RUNNING, identified),
    (rest_api.ADMIN, authenticated_admin),
):
    for one in table:
        register(REST, one.method, one.path, rest_view(one), guard)

for method, path in function_urls.OFFERED:
    register(URL, method, path, function_url, public)

for (path, method), candidates in lambda_api.routes().items():
    if candidates[0].name in lambda_api.RUNNING:
        register(LAMBDA, method, path, lambda_run(candidates[0]), identified)
    else:
        register(LAMBDA, method, path, lambda_operation(candidates), authenticated)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def timer(_event: CloudWatchEvent) -> None:
    """Do the chores of every minute: schedules, uploads that never arrived, zips that nothing names any more."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-timer", None):
        hearth.operations.chores.run()


@app.on_sqs_message(queue_arn=event_sources.queue("Uploads"), batch_size=1)
def on_upload(event: SQSEvent) -> None:
    """Make a zip that a tenant has put into the bucket its function's code; the bucket tells the queue of it."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-upload", None):
        for record in event:
            for key in event_sources.created_keys(record.body):
                hearth.functions.uploads.arrived(*keys.uploaded(key))


@app.on_sqs_message(queue_arn=event_sources.queue("CompletionQueue"), batch_size=1)
def ends(event: SQSEvent) -> None:
    """Tell destinations how Invocations ended, one message at a time: one that fails takes no other with it."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-ends", None):
        for record in event:
            hearth.invocations.completion_events.deliver(record.body)
