"""Door 2's routes on aliases."""

from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.aliases import Alias
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api.answers import members_asked, nothing, page_asked, shown
from chalicelib.wiring import Controller

MEMBERS = {
    "version": (str, 'a text, such as "3"'),
    "weights": (dict, 'an object, such as {"4": 0.1}'),
    "description": (str, "a text"),
}


def put(hearth: Controller, call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Point an alias at a version, or at two by weight; to point it back is to roll back."""
    stored, is_new = hearth.functions.aliases.put(tenant, checked_name(name), _asked(call, alias))
    hearth.functions.provisioned.follow(tenant, name)
    return shown(_alias(hearth, tenant, name, stored), 201 if is_new else 200)


def show(hearth: Controller, _call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Show one alias."""
    return shown(_alias(hearth, tenant, name, hearth.functions.aliases.get(tenant, checked_name(name), alias)))


def delete(hearth: Controller, _call: Call, tenant: str, name: str, alias: str) -> HttpAnswer:
    """Forget one alias."""
    hearth.functions.aliases.get(tenant, checked_name(name), alias)
    hearth.functions.aliases.delete(tenant, name, alias)
    hearth.functions.provisioned.follow(tenant, name)
    return nothing()


def list_all(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's aliases by name."""
    found, last = hearth.functions.aliases.page(tenant, checked_name(name), *page_asked(call, checked_qualifier))
    return shown({"aliases": [_alias(hearth, tenant, name, one) for one in found], "next_after": last})


def _asked(call: Call, alias: str) -> Alias:
    asked = members_asked(call, MEMBERS)
    if "version" not in asked:
        raise InvalidParameterError('An alias needs a version: {"version": "3"}')
    weights = asked.get("weights", {})
    if not all(type(weight) in (int, float) for weight in weights.values()):
        raise InvalidParameterError(f"weights must be {MEMBERS['weights'][1]}")
    return Alias(name=alias, number=asked["version"], weights=weights, description=asked.get("description", ""))


def _alias(hearth: Controller, tenant: str, name: str, alias: Alias) -> dict[str, Any]:
    return {
        "name": alias.name,
        "arn": hearth.home.arn(tenant, name, alias.name),
        "version": alias.number,
        "weights": dict(alias.weights),
        "description": alias.description,
    }
