"""The REST API's routes on functions."""

from collections.abc import Sequence
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.function import Function
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, page_asked, qualifier_asked, shown
from chalicelib.rest_api.members import body, query


def list_all(functions: FunctionUseCases, call: Call, tenant: str) -> HttpAnswer:
    """List the tenant's functions by name."""
    page = functions.lifecycle.page(tenant, *page_asked(call))
    listed = tuple(function_shown(one) for one in page.functions)
    return shown(models.Functions(functions=listed, next_after=page.next_after))


def put(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Create a function from the zip in the body, or replace its code and what the query names."""
    named = _upload(functions, tenant, query(call, bodies.FunctionUpload))
    function, is_new = functions.lifecycle.put(tenant, checked_name(name), named, call.body)
    return shown(function_shown(function), 201 if is_new else 200)


def show(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show one function, or the version that `?qualifier=` leads to."""
    return shown(function_shown(functions.router.shown(tenant, checked_name(name), qualifier_asked(call))))


def configure(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Change what the body names of a function's configuration."""
    asked = body(call, bodies.ConfigurationRequest)
    named: dict[str, Any] = {**asked}
    if "layers" in asked:
        named["layers"] = functions.layers.named(tenant, asked["layers"])
    return shown(function_shown(functions.lifecycle.configure(tenant, checked_name(name), named)))


def delete(functions: FunctionUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Delete one function, with its versions, aliases and all else that belongs to it."""
    functions.lifecycle.delete(tenant, checked_name(name))
    functions.provisioned.follow(tenant, name)
    return nothing()


def existing(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> str | None:
    """Return the qualifier that a call names of a function that is there, None for $LATEST; raise NotFoundError."""
    qualifier = qualifier_asked(call)
    functions.router.shown(tenant, checked_name(name), qualifier)
    return qualifier


def _upload(functions: FunctionUseCases, tenant: str, asked: bodies.FunctionUpload) -> dict[str, Any]:
    """Return what an upload's query names, with environment and layers as a function keeps them."""
    named = {name: value for name, value in asked.items() if name not in ("env", "layer")}
    if "env" in asked:
        named["environment"] = _environment(asked["env"])
    if "layer" in asked:
        named["layers"] = functions.layers.named(tenant, asked["layer"])
    return named


def _environment(pairs: Sequence[str]) -> dict[str, str]:
    environment: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in environment:
            raise InvalidParameterError(f"env names {name} twice: give each variable one value")
        environment[name] = value
    return environment


def function_shown(function: Function) -> models.Function:
    """Return what is shown of a function, or of a published version."""
    version = function.version
    return models.Function(
        name=version.function,
        arn=version.arn,
        version=version.number,
        version_id=version.version_id,
        runtime=version.runtime,
        handler=version.handler,
        memory_mb=version.memory_mb,
        timeout_s=version.timeout_s,
        environment=version.environment,
        description=function.description,
        layers=tuple(layer.arn for layer in version.layers),
        code_sha256=version.code_sha256,
        code_bytes=version.code_bytes,
        unpacked_bytes=version.unpacked_bytes,
        modified=moment(function.modified_at_us),
        state=function.state,
        last_update=function.last_update,
        reason=function.failure.reason if function.failure else None,
    )
