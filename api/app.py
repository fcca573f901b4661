"""The controller's doors: every route of both, who is let in, and how errors leave; never a decision."""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from chalice.app import CloudWatchEvent, Rate, Response, S3Event, SQSEvent
from chalicelib import event_sources, wiring
from chalicelib.calls import Call, from_event
from chalicelib.errors import HearthError, TooManyRequestsError, UnavailableError
from chalicelib.function_urls import answers as url_answers
from chalicelib.function_urls import offered as function_urls_api
from chalicelib.lambda_api import answers as lambda_answers
from chalicelib.lambda_api import offered as lambda_api
from chalicelib.lambda_api.model import Operation
from chalicelib.rest_api import answers as rest_answers
from chalicelib.rest_api import offered as rest_api
from chalicelib.tenants.authentication import Authentication, Principal
from chalicelib.threadsafe import ThreadSafeChalice
from chalicelib.wiring import Controller

from shared_lua import keys

#: What serves a call that was let in: controller, call, tenant, and by name what the path names.
View = Callable[..., Response]
RenderError = Callable[[HearthError, str], Response]
Serve = Callable[[View, Call, dict[str, str]], Response]

#: Every route takes every content type: Chalice would answer 415 in a shape that is not ours.
ANY = ["*/*"]

logger = logging.getLogger("hearth")

app = ThreadSafeChalice("hearth")

# Bodies of these types come through the gateway byte for byte. `application/x-www-form-urlencoded` is what curl says
# when it is told nothing. Neither */* nor JSON may be here: answers of a binary type need an Accept header to match.
app.api.binary_types = [
    *app.api.default_binary_types,
    "application/x-zip",
    "application/x-zip-compressed",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
]


def door(view: View, render_error: RenderError, serve: Serve) -> Callable[..., Response]:
    """Give the route of a view behind one door, whose errors leave in the door's shape."""

    def route(**path: str) -> Response:
        request = app.current_request
        call = from_event(request.to_original_event(), bytes(request.raw_body))
        try:
            return serve(view, call, {name: unquote(value) for name, value in path.items()})
        except HearthError as error:
            if isinstance(error, UnavailableError):
                log(logging.WARNING, "A part is down", "part_down", call)
            if isinstance(error, TooManyRequestsError):
                wiring.metrics().refused(error.fields()["Reason"])
            return render_error(error, call.request_id)
        except Exception:  # noqa: BLE001  the last line of defence: Chalice's own answer is not in our shape
            log(logging.ERROR, "A call failed unexpectedly", "call_failed", call)
            return render_error(HearthError(), call.request_id)

    return route


def let_in(
    view: View, call: Call, names: dict[str, str], enter: Callable[[Authentication, Call], str] = Authentication.enter
) -> Response:
    """Let the call in and give it to its view, under one trace."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-api", call.header("x-amzn-trace-id")):
        with hearth.tracing.subsegment("admission"):
            tenant = enter(hearth.tenants.authentication, call)
        # By place: a path may name a tenant too.
        return view(hearth, call, tenant, **names)


def identify(view: View, call: Call, names: dict[str, str]) -> Response:
    """Find out who it is and leave the admission to the view, which knows what is to be run."""
    hearth = wiring.controller()
    with (
        hearth.tracing.segment("hearth-api", call.header("x-amzn-trace-id")),
        hearth.invocations.invoker.throttles.admission.taken(),
    ):
        return view(hearth, call, hearth.tenants.authentication.identify(call), **names)


def let_admin_in(view: View, call: Call, names: dict[str, str]) -> Response:
    """The same, for the admin key alone."""
    return let_in(view, call, names, Authentication.enter_admin)


def public(view: View, call: Call, names: dict[str, str]) -> Response:
    """Give the call to its view, whoever it is from."""
    return view(wiring.controller(), call, **names)


def log(level: int, sentence: str, action: str, call: Call) -> None:
    """Log the error at hand, with what a machine needs to find it by."""
    logger.log(level, sentence, exc_info=True, extra={"action": action, "request_id": call.request_id})


def machines(candidates: list[Operation]) -> View:
    """Give the view of one path and method of door 1, at which there may be several operations."""

    def view(hearth: Controller, call: Call, tenant: str, **names: str) -> Response:
        return lambda_api.serve(candidates, hearth, call, tenant, names)

    return view


def machines_running(operation: Operation) -> View:
    """Give the view of an operation of door 1 that runs a function."""

    def view(hearth: Controller, call: Call, principal: Principal, **names: str) -> Response:
        return lambda_api.run(operation, hearth, call, principal, names)

    return view


def counted(door_name: str, route: Callable[..., Response]) -> Callable[..., Response]:
    """Give the same route, whose calls are counted and timed."""

    def timed(**path: str) -> Response:
        began = time.perf_counter()
        wiring.metrics().asked(door_name)
        answer = route(**path)
        wiring.metrics().answered(door_name, answer.status_code, time.perf_counter() - began)
        return answer

    return timed


def register(door_name: str, method: str, path: str, route: Callable[..., Response]) -> None:
    """Make Chalice serve a route."""
    app.route(path, methods=[method], content_types=ANY, name=f"{method} {path}")(counted(door_name, route))


for method, path, view in rest_api.PUBLIC:
    register("people", method, path, door(view, rest_answers.error, public))

for method, path, view in rest_api.OFFERED:
    register("people", method, path, door(view, rest_answers.error, let_in))

for method, path, view in rest_api.RUNNING:
    register("people", method, path, door(view, rest_answers.error, identify))

for method, path, view in rest_api.ADMIN:
    register("people", method, path, door(view, rest_answers.error, let_admin_in))
for method, path, view in function_urls_api.OFFERED:
    register("url", method, path, door(view, url_answers.error, public))

for (path, method), candidates in lambda_api.routes().items():
    if candidates[0].name in lambda_api.RUNNING:
        register("lambda", method, path, door(machines_running(candidates[0]), lambda_answers.error, identify))
    else:
        register("lambda", method, path, door(machines(candidates), lambda_answers.error, let_in))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def timer(_event: CloudWatchEvent) -> None:
    """Do what is to be done every minute: schedules, uploads that never came, zips that nobody names."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-timer", None):
        hearth.operations.chores.run()


@app.lambda_function(name="on_upload")
def on_upload(event: dict[str, Any], context: Any) -> None:
    """Make a zip that a tenant has put into the bucket its function's code; the bucket calls this."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-upload", None):
        hearth.functions.uploads.arrived(*keys.uploaded(S3Event(event, context).key))


@app.on_sqs_message(queue_arn=event_sources.queue("CompletionQueue"), batch_size=1)
def ends(event: SQSEvent) -> None:
    """Tell how Invocations ended, one at a time: one that cannot be told takes no other with it."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-ends", None):
        for record in event:
            hearth.invocations.completion_events.deliver(record.body)
