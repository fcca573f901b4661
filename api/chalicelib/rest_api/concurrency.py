"""Door 2's routes on reserved concurrency."""

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api.answers import members_asked, nothing, shown
from chalicelib.wiring import Controller

MEMBERS: dict[str, tuple[type, str]] = {"reserved": (int, "a whole number, 0 or more")}


def put(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Reserve permits for a function: as many of it run at once and no more, 0 stops it."""
    reserved = members_asked(call, MEMBERS).get("reserved")
    if reserved is None or reserved < 0:
        raise InvalidParameterError('A reservation needs a whole number, 0 or more: {"reserved": 5}')
    hearth.functions.concurrency.reserve(tenant, checked_name(name), reserved)
    return shown({"reserved": reserved})


def delete(hearth: Controller, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Let a function share the tenant's permits again."""
    hearth.functions.concurrency.release(tenant, checked_name(name))
    return nothing()
