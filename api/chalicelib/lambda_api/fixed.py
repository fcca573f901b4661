"""Door 1's operations that ask for what is the same for every function here; clients ask, and are told so."""

from collections.abc import Mapping
from typing import Any

from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.functions import existing

Asked = Mapping[str, Any]


def runtime_management(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetRuntimeManagementConfig: a new sandbox has the runtime as its operator keeps it."""
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": _find(functions, tenant, asked)}


def recursion(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionRecursionConfig: nobody looks for functions that call themselves in a circle."""
    _find(functions, tenant, asked)
    return {"RecursiveLoop": "Allow"}


def _find(functions: FunctionUseCases, tenant: str, asked: Asked) -> str:
    """Give the ARN of the function that is meant; raise NotFoundError."""
    named = existing(functions, tenant, asked)
    return functions.home.arn(tenant, named.name, named.qualifier)
