"""Door 2's routes on published versions."""

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api.answers import members_asked, nothing, number, page_asked, shown
from chalicelib.rest_api.functions import function_shown
from chalicelib.wiring import Controller

MEMBERS = {"description": (str, "a text")}


def publish(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Give what the function is now a number; one that has not changed since keeps the number it has."""
    description = members_asked(call, MEMBERS).get("description") if call.body else None
    return shown(
        function_shown(hearth.functions.versions.publish(tenant, checked_name(name), description=description)), 201
    )


def delete(hearth: Controller, _call: Call, tenant: str, name: str, number: str) -> HttpAnswer:
    """Forget one version, unless an alias names it."""
    hearth.functions.versions.delete(
        tenant, checked_name(name), number, lambda: hearth.functions.aliases.naming(tenant, name, number)
    )
    hearth.functions.provisioned.follow(tenant, name)
    return nothing()


def list_all(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List the published versions, oldest first."""
    after, most = page_asked(call, lambda text: str(number("after", text)))
    found, last = hearth.functions.versions.page(tenant, checked_name(name), after, most)
    return shown({"versions": [function_shown(one) for one in found], "next_after": last})
