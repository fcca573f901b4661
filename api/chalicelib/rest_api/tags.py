"""The REST API's routes on a function's tags."""

from chalicelib.calls import Call
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import shown
from chalicelib.rest_api.members import body


def show(functions: FunctionUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the tags of a function."""
    functions.lifecycle.get(tenant, checked_name(name))
    return shown(models.Tags(tags=functions.tags.of(tenant, name)))


def put(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Return a function these tags, in the place of all that it has."""
    wanted = body(call, bodies.TagsRequest)["tags"]
    functions.lifecycle.get(tenant, checked_name(name))
    return shown(models.Tags(tags=functions.tags.replace(tenant, name, wanted)))


def change(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Put tags on a function, and take those off that the body names with null."""
    wanted = body(call, bodies.TagChanges)["tags"]
    functions.lifecycle.get(tenant, checked_name(name))
    return shown(models.Tags(tags=functions.tags.change(tenant, name, wanted)))
