"""Door 1's operations on concurrency seats and on what a tenant may use."""

from collections.abc import Mapping
from typing import Any

from chalicelib import limits
from chalicelib.lambda_door.answers import moment
from chalicelib.lambda_door.functions import page_asked
from chalicelib.naming import checked_qualifier
from chalicelib.provisioned import Provision
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]


def put(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutFunctionConcurrency."""
    seats = asked["ReservedConcurrentExecutions"]
    hearth.concurrency.reserve(tenant, hearth.home.resolve(tenant, asked["FunctionName"]), seats)
    return {"ReservedConcurrentExecutions": seats}


def get(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionConcurrency."""
    reserved = hearth.functions.get(tenant, hearth.home.resolve(tenant, asked["FunctionName"])).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def delete(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunctionConcurrency."""
    hearth.concurrency.release(tenant, hearth.home.resolve(tenant, asked["FunctionName"]))
    return {}


def put_provisioned(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutProvisionedConcurrencyConfig."""
    named = hearth.home.find(tenant, asked["FunctionName"], asked["Qualifier"])
    requested = asked["ProvisionedConcurrentExecutions"]
    return _provision(hearth.provisioned.put(tenant, named.name, named.qualifier, requested))


def get_provisioned(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetProvisionedConcurrencyConfig."""
    named = hearth.home.find(tenant, asked["FunctionName"], asked["Qualifier"])
    return _provision(hearth.provisioned.get(tenant, named.name, named.qualifier))


def list_provisioned(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListProvisionedConcurrencyConfigs."""
    after, most = page_asked(asked)
    name = hearth.home.resolve(tenant, asked["FunctionName"])
    found, last = hearth.provisioned.page(tenant, name, checked_qualifier(after), most)
    listed = [{"FunctionArn": hearth.home.arn(tenant, name, one.qualifier), **_provision(one)} for one in found]
    return {"ProvisionedConcurrencyConfigs": listed, **({"NextMarker": last} if last else {})}


def delete_provisioned(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteProvisionedConcurrencyConfig."""
    named = hearth.home.find(tenant, asked["FunctionName"], asked["Qualifier"])
    hearth.provisioned.delete(tenant, named.name, named.qualifier)
    return {}


def account(hearth: Controller, tenant: str, _asked: Asked) -> dict[str, Any]:
    """GetAccountSettings. Code is not limited in sum, so what is used of it is not counted either."""
    found = hearth.concurrency.account(tenant)
    return {
        "AccountLimit": {
            "CodeSizeUnzipped": limits.MAX_UNPACKED_BYTES,
            "CodeSizeZipped": limits.MAX_ZIP_BYTES,
            "ConcurrentExecutions": found["seats"],
            "UnreservedConcurrentExecutions": found["unreserved"],
        },
        "AccountUsage": {"FunctionCount": found["functions"]},
    }


def _provision(provision: Provision) -> dict[str, Any]:
    """Give what is asked for as Lambda shows it: READY once all of it is there."""
    return {
        "RequestedProvisionedConcurrentExecutions": provision.requested,
        "AvailableProvisionedConcurrentExecutions": provision.allocated,
        "AllocatedProvisionedConcurrentExecutions": provision.allocated,
        "Status": "READY" if provision.allocated >= provision.requested else "IN_PROGRESS",
        "LastModified": moment(provision.modified_at_us),
    }
