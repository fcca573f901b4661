"""The REST API's routes on aliases."""

from chalicelib.calls import Call
from chalicelib.functions.aliases import Alias
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import nothing, page_asked, shown
from chalicelib.rest_api.members import body


def put(functions: FunctionUseCases, call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Point an alias at a version, or at two by weight. To roll back, point it back."""
    asked = body(call, bodies.AliasRequest)
    wanted = Alias(
        name=alias, number=asked["version"], weights=asked.get("weights", {}), description=asked.get("description", "")
    )
    stored, is_new = functions.aliases.put(tenant, checked_name(name), wanted)
    functions.provisioned.follow(tenant, name)
    return shown(_alias(functions, tenant, name, stored), 201 if is_new else 200)


def show(functions: FunctionUseCases, _call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Show one alias."""
    return shown(_alias(functions, tenant, name, functions.aliases.get(tenant, checked_name(name), alias)))


def delete(functions: FunctionUseCases, _call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Delete one alias."""
    functions.aliases.get(tenant, checked_name(name), alias)
    functions.aliases.delete(tenant, name, alias)
    functions.provisioned.follow(tenant, name)
    return nothing()


def list_all(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's aliases by name."""
    found, last = functions.aliases.page(tenant, checked_name(name), *page_asked(call, checked_qualifier))
    listed = tuple(_alias(functions, tenant, name, one) for one in found)
    return shown(models.Aliases(aliases=listed, next_after=last))


def _alias(functions: FunctionUseCases, tenant: str, name: str, alias: Alias) -> models.Alias:
    return models.Alias(
        name=alias.name,
        arn=functions.home.arn(tenant, name, alias.name),
        version=alias.number,
        weights=alias.weights,
        description=alias.description,
    )
