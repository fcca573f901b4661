"""The operations of the Lambda API that are offered, each with the view that serves it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import NotOfferedError
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.invoke import Invoker
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
from chalicelib.naming import Home
from chalicelib.tenants.authentication import Principal

View = Callable[[FunctionUseCases, str, Mapping[str, Any]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Addressed:
    """A view whose answer names a URL: its last argument is the controller's address as the caller sees it."""

    view: Callable[[FunctionUseCases, str, Mapping[str, Any], str], dict[str, Any]]


#: Operation → view. A view gets the use-cases on functions, the tenant and the members sent; it returns the answer's.
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

#: The same for what runs a function, whose admission takes tokens and permit in one: the view gets the principal.
RUNNING: Mapping[str, Callable[[Invoker, Home, Principal, Mapping[str, Any]], InvokeResult]] = {
    "Invoke": invoke.invoke,
}


def routes() -> dict[tuple[str, str], list[Operation]]:
    """Return every operation of the model, offered or not, by path and method; those with a fixed query first."""
    found: dict[tuple[str, str], list[Operation]] = {}
    for operation in sorted(operations().values(), key=lambda one: -len(one.query)):
        found.setdefault((operation.path, operation.method), []).append(operation)
    return found


@dataclasses.dataclass(frozen=True)
class Request:
    """A call of the Lambda API: its operation, and the members that were sent."""

    operation: Operation
    asked: Mapping[str, Any]

    def serve(self, functions: FunctionUseCases, tenant: str, base: str) -> HttpAnswer:
        """Return the answer of the operation's view. `base` is the controller's address as the caller sees it."""
        view = OFFERED[self.operation.name]
        if isinstance(view, Addressed):
            return self.operation.render(view.view(functions, tenant, self.asked, base))
        return self.operation.render(view(functions, tenant, self.asked))

    def run(self, invoker: Invoker, home: Home, principal: Principal) -> HttpAnswer:
        """Return the answer of an operation that runs a function."""
        result = RUNNING[self.operation.name](invoker, home, principal, self.asked)
        answer = self.operation.render(result.members)
        return dataclasses.replace(answer, headers={**answer.headers, **result.headers})


def read(candidates: list[Operation], call: Call, names: Mapping[str, str]) -> Request:
    """Parse a call to a path that these operations share.

    Raises NotOfferedError for an operation that is not offered, InvalidParameterError for the first member at fault.
    """
    operation = next((one for one in candidates if one.is_meant(call)), candidates[-1])
    if operation.name not in OFFERED and operation.name not in RUNNING:
        raise NotOfferedError(operation.name)
    return Request(operation, operation.parse(call, names))
