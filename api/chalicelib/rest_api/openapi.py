"""Puts the OpenAPI description of door 2 together, out of its routes and what is said of each; serves none of them."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.rest_api.described import NAMED, ROUTES
from chalicelib.rest_api.description import JSON, Body, Described, Parameter, ResponseDescription, Schema, header, ref
from chalicelib.rest_api.shapes import SHAPES

#: The API's own version: another first number when a client of the old one would break.
VERSION = "1.0"

SECONDS: Schema = {"type": "integer", "minimum": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}

#: Who may call → what opens the door for them.
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "public": [],
    "tenant": [{"ApiKey": []}, {"SignatureV4": []}],
    "admin": [{"AdminKey": []}],
}

SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A tenant's API key."},
    "AdminKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An admin key."},
    "SignatureV4": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "AWS Signature Version 4 for the service `lambda`, with a tenant's access key.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
}

RETRY_AFTER = {"Retry-After": header("When to come back, in seconds.", SECONDS)}

#: Status → what an error of it says, and the headers it bears beside.
ERRORS: dict[int, tuple[str, dict[str, Schema]]] = {
    400: ("Something asked for is missing, out of range or not offered.", {}),
    401: ("No credentials.", {"WWW-Authenticate": header("What to authenticate with.", {"type": "string"})}),
    403: ("Credentials that open nothing here; or, said by the gateway, no such path.", {}),
    404: ("No such thing.", {}),
    409: ("The thing exists already, or somebody else is changing it.", {}),
    412: ("The revision named is not the latest one.", {}),
    413: ("The body is too large.", {}),
    422: ("The Idempotency-Key came with another call before.", {}),
    429: (
        "Too many requests.",
        {
            **RETRY_AFTER,
            "RateLimit-Limit": header("How many there may be.", COUNT),
            "RateLimit-Remaining": header("How many are left now.", COUNT),
            "RateLimit-Reset": header("When all are there again, in seconds.", SECONDS),
        },
    ),
    500: ("Something went wrong on our side; the request id names it in our log.", {}),
    503: (
        "The platform could not do it now; nothing was billed.",
        {
            "Retry-After": header(
                "When to come back, in seconds; not there when that would help nobody.", SECONDS, always=False
            ),
            "Idempotency-Replayed": header(
                "`true` when it is the first answer again.", {"type": "string"}, always=False
            ),
        },
    ),
}

#: These the gateway in front may say too, in its own shape.
ALSO_THE_GATEWAYS = (403, 413)

#: Who may call → the errors of every route of theirs.
COMMON: dict[str, tuple[int, ...]] = {
    "public": (500,),
    "tenant": (401, 403, 429, 500, 503),
    "admin": (401, 403, 429, 500, 503),
}


@dataclass(frozen=True)
class Route:
    """A route as it is served."""

    method: str
    path: str
    view: Callable[..., Any]
    who: str  #: may call it: a key of SECURITY

    @property
    def name(self) -> str:
        """What it is called in the table of descriptions."""
        return f"{self.method} {self.path}"


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Give the description of these routes; raise KeyError for one of which nothing is said."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, ROUTES[route.name])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hearth", "version": VERSION, "description": "Runs functions. This is the door for people."},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": SHAPES, "securitySchemes": SCHEMES},
    }


def _operation(route: Route, described: Described) -> dict[str, Any]:
    words = re.findall(r"\w+", route.path)
    parameters = [_parameter(NAMED[name], "path") for name in re.findall(r"{(\w+)}", route.path)]
    parameters += [_parameter(one, "query") for one in described.query]
    parameters += [_parameter(one, "header") for one in described.headers]
    return {
        "operationId": "_".join([route.method.lower(), *words]),
        "summary": str(inspect.getdoc(route.view)).partition("\n")[0],
        "tags": [words[0]],
        "security": SECURITY[route.who],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(described.body)} if described.body else {}),
        "responses": _responses(route.who, described),
    }


def _parameter(said: Parameter, where: str) -> dict[str, Any]:
    required = said.required or where == "path"
    return {"name": said.name, "in": where, "required": required, "description": said.says, "schema": said.schema}


def _body(said: Body) -> dict[str, Any]:
    return {
        "description": said.says,
        "required": said.required,
        "content": {said.content_type: {"schema": said.schema}},
    }


def _responses(who: str, described: Described) -> dict[str, Any]:
    errors = {status: _error(status) for status in (*described.errors, *COMMON[who])}
    answers = errors | {status: _answer(one) for status, one in described.answers.items()}
    return {str(status): answers[status] for status in sorted(answers)}


def _answer(said: ResponseDescription) -> dict[str, Any]:
    content = {name: {"schema": schema} for name, schema in said.content.items()}
    return {
        "description": said.says,
        **({"headers": said.headers} if said.headers else {}),
        **({"content": content} if content else {}),
    }


def _error(status: int) -> dict[str, Any]:
    says, headers = ERRORS[status]
    schema = ref("Error")
    if status in ALSO_THE_GATEWAYS:
        schema = {"anyOf": [schema, ref("GatewayError")]}
    return _answer(ResponseDescription(says=says, content={JSON: schema}, headers=headers))
