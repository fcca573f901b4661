"""The Lambda API's operations on reserved concurrency, and GetAccountSettings."""

from collections.abc import Mapping
from typing import Any

from chalicelib import limits
from chalicelib.functions.wiring import FunctionUseCases

Asked = Mapping[str, Any]


def put(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutFunctionConcurrency."""
    permits = asked["ReservedConcurrentExecutions"]
    functions.concurrency.reserve(tenant, functions.home.resolve(tenant, asked["FunctionName"]), permits)
    return {"ReservedConcurrentExecutions": permits}


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionConcurrency."""
    reserved = functions.lifecycle.get(tenant, functions.home.resolve(tenant, asked["FunctionName"])).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def delete(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunctionConcurrency."""
    functions.concurrency.release(tenant, functions.home.resolve(tenant, asked["FunctionName"]))
    return {}


def account(functions: FunctionUseCases, tenant: str, _asked: Asked) -> dict[str, Any]:
    """GetAccountSettings. The total size of code is not limited, so its use is not counted."""
    found = functions.concurrency.account(tenant)
    return {
        "AccountLimit": {
            "CodeSizeUnzipped": limits.MAX_UNPACKED_BYTES,
            "CodeSizeZipped": limits.MAX_ZIP_BYTES,
            "ConcurrentExecutions": found["permits"],
            "UnreservedConcurrentExecutions": found["unreserved"],
        },
        "AccountUsage": {"FunctionCount": found["functions"]},
    }
