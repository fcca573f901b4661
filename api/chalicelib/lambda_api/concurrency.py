"""Door 1's operations on concurrency permits and on what a tenant may use."""

from collections.abc import Mapping
from typing import Any

from chalicelib import limits
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]


def put(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutFunctionConcurrency."""
    permits = asked["ReservedConcurrentExecutions"]
    hearth.functions.concurrency.reserve(tenant, hearth.home.resolve(tenant, asked["FunctionName"]), permits)
    return {"ReservedConcurrentExecutions": permits}


def get(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionConcurrency."""
    reserved = hearth.functions.lifecycle.get(tenant, hearth.home.resolve(tenant, asked["FunctionName"])).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def delete(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunctionConcurrency."""
    hearth.functions.concurrency.release(tenant, hearth.home.resolve(tenant, asked["FunctionName"]))
    return {}


def account(hearth: Controller, tenant: str, _asked: Asked) -> dict[str, Any]:
    """GetAccountSettings. Code is not limited in sum, so what is used of it is not counted either."""
    found = hearth.functions.concurrency.account(tenant)
    return {
        "AccountLimit": {
            "CodeSizeUnzipped": limits.MAX_UNPACKED_BYTES,
            "CodeSizeZipped": limits.MAX_ZIP_BYTES,
            "ConcurrentExecutions": found["permits"],
            "UnreservedConcurrentExecutions": found["unreserved"],
        },
        "AccountUsage": {"FunctionCount": found["functions"]},
    }
