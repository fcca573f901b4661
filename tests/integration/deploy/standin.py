"""moto's server for deployments: the one-box stack's own, taught to import the REST API that Chalice describes."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from moto.apigateway.models import APIGatewayBackend

from local import aws_standin
from local.serve import serve


def application() -> Any:
    """Give the WSGI application."""
    for name in ("import_rest_api", "put_rest_api"):
        setattr(APIGatewayBackend, name, _taught(getattr(APIGatewayBackend, name)))
    return aws_standin.application()


def _taught(method: Callable[..., Any]) -> Callable[..., Any]:
    """Give a method of moto's that takes a document as Chalice writes it, by whatever position or name."""

    def taught(backend: APIGatewayBackend, *values: Any, **named: Any) -> Any:
        return method(
            backend,
            *(_as_moto_wants(value) if isinstance(value, dict) else value for value in values),
            **{name: _as_moto_wants(value) if name == "api_doc" else value for name, value in named.items()},
        )

    return taught


def _as_moto_wants(document: dict[str, Any]) -> dict[str, Any]:
    """AWS takes Swagger 2.0, a document without a description and a mock without an address; moto does not."""
    for integration in _integrations(document):
        integration.setdefault("uri", "")
    info = {"description": "", **document["info"]}
    return {name: part for name, part in document.items() if name != "swagger"} | {"openapi": "3.0.1", "info": info}


def _integrations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        for method in methods.values():
            yield method["x-amazon-apigateway-integration"]


if __name__ == "__main__":
    serve("tests.integration.deploy.standin:application", int(sys.argv[1]), aws_standin.THREADS)
