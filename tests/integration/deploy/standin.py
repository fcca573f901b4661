"""moto's server for deployments: the one-box stack's own, taught to import the REST API that Chalice describes."""

import functools
import sys
from collections.abc import Iterator
from typing import Any

from moto.apigateway.models import APIGatewayBackend

from local import aws_standin
from local.serve import serve

put_rest_api = APIGatewayBackend.put_rest_api
import_rest_api = APIGatewayBackend.import_rest_api


def application() -> Any:
    """Give the WSGI application."""
    APIGatewayBackend.put_rest_api = functools.partialmethod(_taught, put_rest_api)
    APIGatewayBackend.import_rest_api = functools.partialmethod(_taught_first, import_rest_api)
    return aws_standin.application()


def _taught(backend: Any, original: Any, function_id: str, api_doc: dict[str, Any], **more: Any) -> Any:
    return original(backend, function_id, _as_moto_wants(api_doc), **more)


def _taught_first(backend: Any, original: Any, api_doc: dict[str, Any], fail_on_warnings: bool) -> Any:
    return original(backend, _as_moto_wants(api_doc), False)


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
