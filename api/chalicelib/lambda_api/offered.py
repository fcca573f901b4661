"""Door 1's table of contents: each operation that is offered, and the view that serves it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import NotOfferedError
from chalicelib.http_answer import HttpAnswer
from chalicelib.lambda_api import (
    concurrency,
    event_invoke,
    fixed,
    functions,
    invoke,
    layers,
    policy,
    provisioned,
    tags,
    urls,
    versions,
)
from chalicelib.lambda_api.invoke import InvokeResult
from chalicelib.lambda_api.model import Operation, operations
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller

View = Callable[[Controller, str, Mapping[str, Any]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Addressed:
    """A view whose answer names addresses of ours: it gets the controller's base as this caller sees it, last."""

    view: Callable[[Controller, str, Mapping[str, Any], str], dict[str, Any]]


#: Operation → view. A view gets the controller, the tenant and the members that were sent, and gives the answer's.
OFFERED: Mapping[str, View | Addressed] = {
    "CreateFunction": functions.create,
    "GetFunction": functions.get,
    "GetFunctionConfiguration": functions.get_configuration,
    "ListFunctions": functions.list_all,
    "UpdateFunctionCode": functions.update_code,
    "UpdateFunctionConfiguration": functions.update_configuration,
    "DeleteFunction": functions.delete,
    "GetFunctionCodeSigningConfig": functions.get_code_signing,
    "PublishVersion": versions.publish,
    "ListVersionsByFunction": versions.list_versions,
    "CreateAlias": versions.create_alias,
    "GetAlias": versions.get_alias,
    "UpdateAlias": versions.update_alias,
    "DeleteAlias": versions.delete_alias,
    "ListAliases": versions.list_aliases,
    "PutFunctionConcurrency": concurrency.put,
    "GetFunctionConcurrency": concurrency.get,
    "DeleteFunctionConcurrency": concurrency.delete,
    "PutProvisionedConcurrencyConfig": provisioned.put,
    "GetProvisionedConcurrencyConfig": provisioned.get,
    "ListProvisionedConcurrencyConfigs": provisioned.list_all,
    "DeleteProvisionedConcurrencyConfig": provisioned.delete,
    "GetAccountSettings": concurrency.account,
    "GetRuntimeManagementConfig": fixed.runtime_management,
    "GetFunctionRecursionConfig": fixed.recursion,
    "PutFunctionEventInvokeConfig": event_invoke.put,
    "UpdateFunctionEventInvokeConfig": event_invoke.update,
    "GetFunctionEventInvokeConfig": event_invoke.get,
    "DeleteFunctionEventInvokeConfig": event_invoke.delete,
    "ListFunctionEventInvokeConfigs": event_invoke.list_all,
    "PublishLayerVersion": layers.publish,
    "GetLayerVersion": layers.get,
    "GetLayerVersionByArn": layers.get_by_arn,
    "ListLayers": layers.list_all,
    "ListLayerVersions": layers.list_versions,
    "DeleteLayerVersion": layers.delete,
    "TagResource": tags.add,
    "UntagResource": tags.remove,
    "ListTags": tags.list_all,
    "AddPermission": policy.add,
    "GetPolicy": policy.get,
    "RemovePermission": policy.remove,
    "CreateFunctionUrlConfig": Addressed(urls.create),
    "GetFunctionUrlConfig": Addressed(urls.get),
    "UpdateFunctionUrlConfig": Addressed(urls.update),
    "DeleteFunctionUrlConfig": Addressed(urls.delete),
    "ListFunctionUrlConfigs": Addressed(urls.list_all),
}

#: The same for what runs a function, whose admission takes its tokens and its permit in one: the view gets the visitor.
RUNNING: Mapping[str, Callable[[Controller, Principal, Mapping[str, Any]], InvokeResult]] = {
    "Invoke": invoke.invoke,
}


def routes() -> dict[tuple[str, str], list[Operation]]:
    """Give every operation of the model, offered or not, by path and method; the one with a query of its own first."""
    found: dict[tuple[str, str], list[Operation]] = {}
    for operation in sorted(operations().values(), key=lambda one: -len(one.query)):
        found.setdefault((operation.path, operation.method), []).append(operation)
    return found


def serve(
    candidates: list[Operation], hearth: Controller, call: Call, tenant: str, names: dict[str, str]
) -> HttpAnswer:
    """Serve whichever of the operations at one path the call is for; raise NotOfferedError for one that is not."""
    operation = next((one for one in candidates if one.is_meant(call)), candidates[-1])
    view = OFFERED.get(operation.name)
    if view is None:
        raise NotOfferedError(operation.name)
    asked = operation.parse(call, names)
    if isinstance(view, Addressed):
        return operation.render(view.view(hearth, tenant, asked, hearth.base_of(call)))
    return operation.render(view(hearth, tenant, asked))


def run(
    operation: Operation, hearth: Controller, call: Call, principal: Principal, names: dict[str, str]
) -> HttpAnswer:
    """Serve an operation that runs a function."""
    result = RUNNING[operation.name](hearth, principal, operation.parse(call, names))
    answer = operation.render(result.members)
    return dataclasses.replace(answer, headers={**answer.headers, **result.headers})
