"""The Lambda API's operations on tags."""

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.naming import asked_qualifier

Asked = Mapping[str, Any]


def add(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """TagResource."""
    functions.tags.add(tenant, _tagged(functions, tenant, asked), asked["Tags"])
    return {}


def remove(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """UntagResource."""
    functions.tags.remove(tenant, _tagged(functions, tenant, asked), frozenset(asked["TagKeys"]))
    return {}


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListTags."""
    return {"Tags": functions.tags.of(tenant, _tagged(functions, tenant, asked))}


def _tagged(functions: FunctionUseCases, tenant: str, asked: Asked) -> str:
    """Return the name of an existing function from its ARN; raise NotFoundError or InvalidParameterError."""
    arn = asked["Resource"]
    if ":function:" not in arn:
        raise InvalidParameterError(f"Hearth has tags for functions only, and {arn!r} is no function's ARN")
    if asked_qualifier(arn):
        raise InvalidParameterError(
            "Tags on function aliases and versions are not supported. Please specify either a function name or an"
            " unqualified function ARN."
        )
    name = functions.home.resolve(tenant, arn)
    functions.lifecycle.get(tenant, name)
    return name
