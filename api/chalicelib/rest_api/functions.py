"""Door 2's routes on functions."""

from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.function import Function
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.advice import MIN_RUNS
from chalicelib.naming import checked_name
from chalicelib.rest_api.answers import members_asked, moment, nothing, number, page_asked, qualifier_asked, shown
from chalicelib.wiring import Controller

#: Query parameters of an upload: texts, then whole numbers.
TEXTS = ("runtime", "handler")
NUMBERS = ("memory_mb", "timeout_s")

#: Members of a configuration.
CONFIGURATION: dict[str, tuple[type, str]] = {
    "runtime": (str, "a text"),
    "handler": (str, "a text"),
    "memory_mb": (int, "a whole number"),
    "timeout_s": (int, "a whole number"),
    "environment": (dict, "an object of texts"),
    "description": (str, "a text"),
}
LAYERS: dict[str, tuple[type, str]] = {"layers": (list, "a list of layer versions' ARNs")}


def list_all(hearth: Controller, call: Call, tenant: str) -> HttpAnswer:
    """List the tenant's functions by name."""
    page = hearth.functions.lifecycle.page(tenant, *page_asked(call))
    return shown({"functions": [function_shown(one) for one in page.functions], "next_after": page.next_after})


def put(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Make or replace a function of the zip that is the body."""
    function, is_new = hearth.functions.lifecycle.put(tenant, checked_name(name), _upload(call), call.body)
    return shown(function_shown(function), 201 if is_new else 200)


def show(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show one function, or the version that `?qualifier=` leads to."""
    return shown(function_shown(hearth.functions.router.shown(tenant, checked_name(name), qualifier_asked(call))))


def configure(hearth: Controller, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Change what the body names of a function's configuration."""
    named = configuration_asked(call, CONFIGURATION | LAYERS)
    if "layers" in named:
        named["layers"] = hearth.functions.layers.named(tenant, _texts("layers", named["layers"]))
    return shown(function_shown(hearth.functions.lifecycle.configure(tenant, checked_name(name), named)))


def delete(hearth: Controller, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Forget one function."""
    hearth.functions.lifecycle.delete(tenant, checked_name(name))
    hearth.functions.provisioned.follow(tenant, name)
    return nothing()


def advice(hearth: Controller, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Say which memory size would have been enough for a function, or that it is too early to say."""
    given = hearth.invocations.records.advice(tenant, checked_name(name))
    if given is None:
        reason = f"fewer than {MIN_RUNS} recent runs at its memory size with a whole bill: run it some more"
        return shown({"function": name, "advice": None, "reason": reason})
    return shown({"function": name, "advice": vars(given)})


def configuration_asked(call: Call, known: Mapping[str, tuple[type, str]]) -> dict[str, Any]:
    """Give the members that a body names, those of a configuration among them; raise InvalidParameterError."""
    named = members_asked(call, known)
    _texts("environment", named.get("environment", {}).values())
    return named


def _texts(name: str, values: Collection[Any]) -> list[str]:
    if not all(type(value) is str for value in values):
        raise InvalidParameterError(f"{name} must be {(CONFIGURATION | LAYERS)[name][1]}")
    return list(values)


def _upload(call: Call) -> dict[str, Any]:
    """Give what an upload's query names; raise InvalidParameterError for a word that is not one of them."""
    asked = dict(call.query)
    unknown = sorted(set(asked) - {*TEXTS, *NUMBERS})
    if unknown:
        raise InvalidParameterError(f"Unknown parameter {unknown[0]!r}; known: {', '.join(TEXTS + NUMBERS)}")
    texts = {name: asked[name] for name in TEXTS if name in asked}
    return texts | {name: number(name, asked[name]) for name in NUMBERS if name in asked}


def function_shown(function: Function) -> dict[str, Any]:
    """Give what is shown of a function, or of a published version."""
    version = function.version
    return {
        "name": version.function,
        "arn": version.arn,
        "version": version.number,
        "version_id": version.version_id,
        "runtime": version.runtime,
        "handler": version.handler,
        "memory_mb": version.memory_mb,
        "timeout_s": version.timeout_s,
        "environment": dict(version.environment),
        "description": function.description,
        "layers": [layer.arn for layer in version.layers],
        "code_sha256": version.code_sha256,
        "code_bytes": version.code_bytes,
        "unpacked_bytes": version.unpacked_bytes,
        "modified": moment(function.modified_at_us),
        "state": function.state,
        "last_update": function.last_update,
        "reason": function.failure.reason if function.failure else None,
    }
