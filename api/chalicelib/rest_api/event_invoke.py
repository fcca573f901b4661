"""The REST API's routes on what is done about asynchronous Invocations: retries, maximum age, destinations."""

from chalicelib.calls import Call
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, page_asked, shown
from chalicelib.rest_api.functions import existing
from chalicelib.rest_api.members import body
from shared_lua.contract import LATEST


def put(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Set the configuration of a function's asynchronous Invocations; what the body leaves out gets its default."""
    asked, qualifier = body(call, bodies.EventInvokeRequest), existing(functions, call, tenant, name)
    return shown(_shown(qualifier, functions.event_invokes.put(tenant, name, qualifier, asked)))


def change(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Change what the body names of the configuration of a function's asynchronous Invocations."""
    asked, qualifier = body(call, bodies.EventInvokeRequest), existing(functions, call, tenant, name)
    return shown(_shown(qualifier, functions.event_invokes.update(tenant, name, qualifier, asked)))


def show(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the configuration of a function's asynchronous Invocations."""
    qualifier = existing(functions, call, tenant, name)
    return shown(_shown(qualifier, functions.event_invokes.get(tenant, name, qualifier)))


def delete(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Treat a function's asynchronous Invocations by the defaults again."""
    functions.event_invokes.delete(tenant, name, existing(functions, call, tenant, name))
    return nothing()


def list_all(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List the configurations of a function, its versions and its aliases, by qualifier."""
    functions.lifecycle.get(tenant, checked_name(name))
    found, last = functions.event_invokes.page(tenant, name, *page_asked(call, checked_qualifier))
    listed = tuple(_shown(qualifier, one) for qualifier, one in found)
    return shown(models.EventInvokes(event_invokes=listed, next_after=last))


def _shown(qualifier: str | None, one: EventInvoke) -> models.EventInvoke:
    return models.EventInvoke(
        qualifier=qualifier or LATEST,
        retries=one.retries,
        max_age_s=one.max_age_s,
        on_success=one.on_success,
        on_failure=one.on_failure,
        modified=moment(one.modified_at_us),
    )
