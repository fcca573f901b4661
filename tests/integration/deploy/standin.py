"""moto's server for deployments: the one-box stack's own, taught what AWS does with what Chalice writes.

That is importing a REST API in Swagger 2.0, and expanding a template of SAM's, which AWS does with the same library.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from moto.apigateway.models import APIGatewayBackend, RestAPI, apigateway_backends
from moto.cloudformation.models import CloudFormationBackend
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local import aws_standin
from local.serve import serve
from tests.integration.deploy import api_stage  # noqa: F401  (registers itself with moto)

#: The only policy of AWS's own that SAM's translator adds to a role by itself.
MANAGED = {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}


def application() -> Any:
    """Give the WSGI application."""
    for name in ("import_rest_api", "put_rest_api"):
        setattr(APIGatewayBackend, name, _importing(getattr(APIGatewayBackend, name)))
    setattr(RestAPI, "create_from_cloudformation_json", _rest_api)  # noqa: B010  (mypy would know better)
    for name in ("create_change_set", "create_stack"):
        setattr(CloudFormationBackend, name, _expanding(getattr(CloudFormationBackend, name)))
    setattr(CloudFormationBackend, "execute_change_set", _telling(CloudFormationBackend.execute_change_set))  # noqa: B010
    return aws_standin.application()


def _importing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Give a method of moto's that takes a REST API as Chalice writes it, by whatever position or name."""

    @functools.wraps(method)
    def importing(backend: APIGatewayBackend, *values: Any, **named: Any) -> Any:
        return method(
            backend,
            *(_as_moto_wants(value) if isinstance(value, dict) else value for value in values),
            **{name: _as_moto_wants(value) if name == "api_doc" else value for name, value in named.items()},
        )

    return importing


def _expanding(method: Callable[..., Any]) -> Callable[..., Any]:
    """Give a method of moto's that takes a template of SAM's."""

    @functools.wraps(method)
    def expanding(backend: CloudFormationBackend, *, template: str, **named: Any) -> Any:
        return method(backend, template=_expanded(template, backend.region_name), **named)

    return expanding


def _expanded(template: str, region: str) -> str:
    if "AWS::Serverless" not in template:
        return template
    translator = Translator(MANAGED, Parser(), boto_session=boto3.session.Session(region_name=region))
    return json.dumps(translator.translate(json.loads(template), {}))


def _telling(method: Callable[..., None]) -> Callable[..., None]:
    """Give a method of moto's after which a stack that came from a change set has its outputs."""

    @functools.wraps(method)
    def telling(backend: CloudFormationBackend, *values: Any, **named: Any) -> None:
        method(backend, *values, **named)
        for stack in backend.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    return telling


def _rest_api(
    _resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
) -> RestAPI:
    """Make the REST API of a template from its body, which moto's own model does not read."""
    body = cloudformation_json["Properties"]["Body"]
    api: RestAPI = apigateway_backends[account_id][region_name].import_rest_api(body, False)
    return api


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
