"""Door 1's operations on tags."""

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.naming import asked_qualifier
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]


def add(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """TagResource."""
    hearth.functions.tags.add(tenant, _tagged(hearth, tenant, asked), asked["Tags"])
    return {}


def remove(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """UntagResource."""
    hearth.functions.tags.remove(tenant, _tagged(hearth, tenant, asked), frozenset(asked["TagKeys"]))
    return {}


def list_all(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListTags."""
    return {"Tags": hearth.functions.tags.of(tenant, _tagged(hearth, tenant, asked))}


def _tagged(hearth: Controller, tenant: str, asked: Asked) -> str:
    """Give the name of the function that is meant; raise NotFoundError, or InvalidParameterError when it is no name."""
    arn = asked["Resource"]
    if ":function:" not in arn:
        raise InvalidParameterError(f"Hearth has tags for functions only, and {arn!r} is no function's ARN")
    if asked_qualifier(arn):
        raise InvalidParameterError(
            "Tags on function aliases and versions are not supported. Please specify either a function name or an"
            " unqualified function ARN."
        )
    name = hearth.home.resolve(tenant, arn)
    hearth.functions.lifecycle.get(tenant, name)
    return name
