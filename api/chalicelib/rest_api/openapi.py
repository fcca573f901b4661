"""Composes the OpenAPI document of the REST API out of its routes and what `described` says of each."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.http_answer import JSON
from chalicelib.rest_api.described import NAMED, ROUTES
from chalicelib.rest_api.description import Body, Described, Parameter, ResponseDescription, header
from chalicelib.rest_api.models import Error
from chalicelib.rest_api.schemas import Schema, components, schema_of

#: The API's own version: another first number when a client of the old one would break.
VERSION = "1.0"

SECONDS: Schema = {"type": "integer", "minimum": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}

#: Who may call → the credentials that authenticate them.
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

RETRY_AFTER = {"Retry-After": header("When to retry, in seconds.", SECONDS)}

#: Status → what an error of it says, and the headers it bears beside.
ERRORS: dict[int, tuple[str, dict[str, Schema]]] = {
    400: ("Something in the request is missing, out of range or not offered.", {}),
    401: ("No credentials.", {"WWW-Authenticate": header("How to authenticate.", {"type": "string"})}),
    403: ("The credentials are wrong or not allowed here; or, said by the gateway, there is no such path.", {}),
    404: ("It does not exist.", {}),
    409: ("It exists already, or another request is changing it.", {}),
    412: ("The revision is not the latest one.", {}),
    413: ("The body is too large.", {}),
    422: ("The Idempotency-Key was used with another call before.", {}),
    429: (
        "Too many requests.",
        {
            **RETRY_AFTER,
            "RateLimit-Limit": header("The limit.", COUNT),
            "RateLimit-Remaining": header("How much of it is left now.", COUNT),
            "RateLimit-Reset": header("When all of it is available again, in seconds.", SECONDS),
        },
    ),
    500: ("An error on the server's side; find it in the log by the request id.", {}),
    503: (
        "The platform cannot do it at the moment; nothing was billed.",
        {
            "Retry-After": header(
                "When to retry, in seconds; left out when a retry cannot help.", SECONDS, always=False
            ),
            "Idempotency-Replayed": header(
                "`true` when this is the first answer again.", {"type": "string"}, always=False
            ),
        },
    ),
}

#: The gateway in front may answer with these too, in its own shape.
ALSO_THE_GATEWAYS = (403, 413)

#: Who may call → the errors of every route of theirs.
COMMON: dict[str, tuple[int, ...]] = {
    "public": (500,),
    "tenant": (401, 403, 429, 500, 503),
    "admin": (401, 403, 429, 500, 503),
}


#: What the gateway answers by itself, when there is no such route or a body has more than 10 MB.
GATEWAY_ERROR: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}


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


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes; raise KeyError for one that `described` lacks."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, ROUTES[route.name])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hearth", "version": VERSION, "description": "Runs functions: the REST API."},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": _schemas(routes), "securitySchemes": SCHEMES},
    }


def _schemas(routes: Sequence[Route]) -> dict[str, Schema]:
    models = [model for route in routes for model in ROUTES[route.name].models()]
    return {**components([Error, *models]), "GatewayError": GATEWAY_ERROR}


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
    required = where == "path"
    return {"name": said.name, "in": where, "required": required, "description": said.says, "schema": said.schema}


def _body(said: Body) -> dict[str, Any]:
    return {
        "description": said.says,
        "required": False,
        "content": {said.content_type: {"schema": said.schema}},
    }


def _responses(who: str, described: Described) -> dict[str, Any]:
    errors = {status: _error(status) for status in (*described.errors, *COMMON[who])}
    answers = errors | {status: _answer(one) for status, one in described.answers.items()}
    return {str(status): answers[status] for status in sorted(answers)}


def _answer(said: ResponseDescription) -> dict[str, Any]:
    content = {name: {"schema": schema_of(hint)} for name, hint in said.content.items()}
    return {
        "description": said.says,
        **({"headers": said.headers} if said.headers else {}),
        **({"content": content} if content else {}),
    }


def _error(status: int) -> dict[str, Any]:
    says, headers = ERRORS[status]
    described = _answer(ResponseDescription(says=says, content={JSON: Error}, headers=headers))
    if status in ALSO_THE_GATEWAYS:
        either = [schema_of(Error), {"$ref": "#/components/schemas/GatewayError"}]
        described["content"] = {JSON: {"schema": {"anyOf": either}}}
    return described
