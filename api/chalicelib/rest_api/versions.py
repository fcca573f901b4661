"""The REST API's routes on published versions."""

from chalicelib.calls import Call
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import nothing, number, page_asked, shown
from chalicelib.rest_api.functions import function_shown
from chalicelib.rest_api.members import body


def publish(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Publish the function as it is now under the next number; without a change it keeps the number it has."""
    description = body(call, bodies.Publication).get("description")
    return shown(function_shown(functions.versions.publish(tenant, checked_name(name), description=description)), 201)


def delete(functions: FunctionUseCases, _call: Call, tenant: str, name: str, number: str) -> HttpAnswer:
    """Delete one version, unless an alias names it."""
    functions.versions.delete(
        tenant, checked_name(name), number, lambda: functions.aliases.naming(tenant, name, number)
    )
    functions.provisioned.follow(tenant, name)
    return nothing()


def list_all(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List the published versions, oldest first."""
    after, most = page_asked(call, lambda text: str(number("after", text)))
    found, last = functions.versions.page(tenant, checked_name(name), after, most)
    return shown(models.Versions(versions=tuple(function_shown(one) for one in found), next_after=last))
