"""The Lambda API's operations whose answer is the same for every function; clients such as Terraform call them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.functions import existing

Asked = Mapping[str, Any]


def runtime_management(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetRuntimeManagementConfig: new sandboxes use the runtime that the operator installed."""
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": _find(functions, tenant, asked)}


def recursion(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionRecursionConfig: recursive calls are not detected."""
    _find(functions, tenant, asked)
    return {"RecursiveLoop": "Allow"}


def _find(functions: FunctionUseCases, tenant: str, asked: Asked) -> str:
    """Return the ARN of an existing function, version or alias; raise NotFoundError."""
    named = existing(functions, tenant, asked)
    return functions.home.arn(tenant, named.name, named.qualifier)
