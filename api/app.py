"""The controller's routes: parse, call, render; never a decision."""

import functools
import logging
from collections.abc import Callable
from urllib.parse import unquote

from chalice.app import Response
from chalicelib import lambda_door, people_door, wiring
from chalicelib.calls import Call, from_event
from chalicelib.errors import HearthError, UnavailableError
from chalicelib.threadsafe import ThreadSafeChalice
from chalicelib.wiring import Controller

View = Callable[..., Response]

#: Every route takes every content type: Chalice would answer 415 in a shape that is not ours.
ANY = ["*/*"]

LAMBDA = "/2015-03-31/functions"

logger = logging.getLogger("hearth")

app = ThreadSafeChalice("hearth")

# Bodies of these types come through the gateway byte for byte. `application/x-www-form-urlencoded` is what curl says
# when it is told nothing. Neither */* nor JSON may be here: answers of a binary type need an Accept header to match.
app.api.binary_types = [
    *app.api.default_binary_types,
    "application/x-zip",
    "application/x-zip-compressed",
    "application/x-www-form-urlencoded",
]


def door(render_error: Callable[[HearthError, str], Response]) -> Callable[[View], View]:
    """Give one door's decorator: views get (controller, call, tenant, …); errors leave in the door's shape."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def route(**path: str) -> Response:
            request = app.current_request
            call = from_event(request.to_original_event(), bytes(request.raw_body))
            names = {name: unquote(value) for name, value in path.items()}
            try:
                return serve(view, call, names)
            except HearthError as error:
                if isinstance(error, UnavailableError):
                    log(logging.WARNING, "A part is down", "part_down", call)
                return render_error(error, call.request_id)
            except Exception:  # noqa: BLE001  the last line of defence: Chalice's own answer is not in our shape
                log(logging.ERROR, "A call failed unexpectedly", "call_failed", call)
                return render_error(HearthError(), call.request_id)

        return route

    return decorate


def serve(view: View, call: Call, names: dict[str, str]) -> Response:
    """Let the call in and give it to its view, under one trace."""
    hearth = wiring.controller()
    with hearth.tracing.segment("hearth-api", call.header("x-amzn-trace-id")):
        with hearth.tracing.subsegment("admission"):
            tenant = hearth.entrance.enter(call)
        return view(hearth, call, tenant, **names)


def log(level: int, sentence: str, action: str, call: Call) -> None:
    """Log the error at hand, with what a machine needs to find it by."""
    logger.log(level, sentence, exc_info=True, extra={"action": action, "request_id": call.request_id})


people = door(people_door.error)
machines = door(lambda_door.error)


@app.route("/health", content_types=ANY)
def health() -> Response:
    """Tell which parts answer. Anyone may ask, also when nobody can be let in."""
    return people_door.health(wiring.controller().health.states())


@app.route("/functions", content_types=ANY)
@people
def list_functions(hearth: Controller, call: Call, tenant: str) -> Response:
    """List the tenant's functions by name."""
    after, most = people_door.page_asked(call)
    return people_door.page(hearth.functions.page(tenant, after, most))


@app.route("/functions/{name}", methods=["PUT"], content_types=ANY)
@people
def put_function(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """Make or replace a function of the zip that is the body."""
    function, is_new = hearth.functions.put(tenant, name, people_door.upload(call), call.body)
    return people_door.function(function, 201 if is_new else 200)


@app.route("/functions/{name}", content_types=ANY)
@people
def show_function(hearth: Controller, _call: Call, tenant: str, name: str) -> Response:
    """Show one function."""
    return people_door.function(hearth.functions.get(tenant, name))


@app.route("/functions/{name}", methods=["DELETE"], content_types=ANY)
@people
def delete_function(hearth: Controller, _call: Call, tenant: str, name: str) -> Response:
    """Forget one function."""
    hearth.functions.delete(tenant, name)
    return people_door.nothing()


@app.route("/functions/{name}/invocations", methods=["POST"], content_types=ANY)
@people
def run_function(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """Run a function with the event that is the body."""
    return people_door.reply(hearth.invocations.invoke(tenant, people_door.wish(call, name)), call)


@app.route("/functions/{name}/advice", content_types=ANY)
@people
def show_advice(hearth: Controller, _call: Call, tenant: str, name: str) -> Response:
    """Say which memory size would have been enough for a function."""
    return people_door.advice(hearth.invocations.advice(tenant, name), name)


@app.route("/invocations/{invocation_id}", content_types=ANY)
@people
def show_invocation(hearth: Controller, _call: Call, tenant: str, invocation_id: str) -> Response:
    """Show what is known of one Invocation."""
    row = hearth.invocations.row(tenant, invocation_id)
    payload = hearth.invocations.payload(row.settlement) if row.settlement else None
    return people_door.invocation(row, payload)


@app.route(LAMBDA, methods=["POST"], content_types=ANY)
@machines
def create_function(hearth: Controller, call: Call, tenant: str) -> Response:
    """CreateFunction."""
    configuration, data = lambda_door.creation(call)
    return lambda_door.function(hearth.functions.create(tenant, configuration, data), 201)


@app.route(LAMBDA, content_types=ANY)
@machines
def lambda_list_functions(hearth: Controller, call: Call, tenant: str) -> Response:
    """ListFunctions."""
    after, most = lambda_door.page_asked(call)
    return lambda_door.page(hearth.functions.page(tenant, after, most))


@app.route(LAMBDA + "/{name}", content_types=ANY)
@machines
def get_function(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """GetFunction."""
    function = hearth.functions.get(tenant, hearth.home.resolve(tenant, name, call.parameter("Qualifier")))
    return lambda_door.function_with_code(function, hearth.functions.code_link(function))


@app.route(LAMBDA + "/{name}/code", methods=["PUT"], content_types=ANY)
@machines
def update_function_code(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """UpdateFunctionCode."""
    data, revision, is_dry_run = lambda_door.code_update(call)
    resolved = hearth.home.resolve(tenant, name)
    function = hearth.functions.update_code(tenant, resolved, data, revision, dry_run=is_dry_run)
    return lambda_door.function(function)


@app.route(LAMBDA + "/{name}", methods=["DELETE"], content_types=ANY)
@machines
def lambda_delete_function(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """DeleteFunction."""
    hearth.functions.delete(tenant, hearth.home.resolve(tenant, name, call.parameter("Qualifier")))
    return lambda_door.nothing()


@app.route(LAMBDA + "/{name}/invocations", methods=["POST"], content_types=ANY)
@machines
def invoke(hearth: Controller, call: Call, tenant: str, name: str) -> Response:
    """Invoke."""
    wish = lambda_door.wish(call, hearth.home.resolve(tenant, name, call.parameter("Qualifier")))
    if lambda_door.is_dry_run(call):
        hearth.invocations.check(tenant, wish)
        return lambda_door.nothing()
    return lambda_door.reply(hearth.invocations.invoke(tenant, wish), call)
