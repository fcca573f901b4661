"""The Lambda API's operations on provisioned concurrency."""

from collections.abc import Mapping
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.functions.provisioned import Standing
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import marker, moment
from chalicelib.lambda_api.functions import page_asked
from chalicelib.naming import Named, checked_qualifier

Asked = Mapping[str, Any]


def put(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutProvisionedConcurrencyConfig."""
    named = _named(functions, tenant, asked)
    wanted = asked["ProvisionedConcurrentExecutions"]
    return _shown(functions.provisioned.put(tenant, named.name, named.qualifier, wanted))


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetProvisionedConcurrencyConfig."""
    named = _named(functions, tenant, asked)
    return _shown(functions.provisioned.get(tenant, named.name, named.qualifier))


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListProvisionedConcurrencyConfigs."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    after, most = page_asked(asked)
    found, last = functions.provisioned.page(tenant, name, checked_qualifier(after), most)
    shown = [{"FunctionArn": functions.home.arn(tenant, name, one.request.qualifier), **_shown(one)} for one in found]
    return {"ProvisionedConcurrencyConfigs": shown, **marker(last)}


def delete(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteProvisionedConcurrencyConfig."""
    named = _named(functions, tenant, asked)
    functions.provisioned.delete(tenant, named.name, named.qualifier)
    return {}


def _named(functions: FunctionUseCases, tenant: str, asked: Asked) -> Named:
    if not asked.get("Qualifier"):
        raise InvalidParameterError("Qualifier is missing: name a published version or an alias")
    return functions.home.find(tenant, asked["FunctionName"], asked["Qualifier"])


def _shown(standing: Standing) -> dict[str, Any]:
    return {
        "RequestedProvisionedConcurrentExecutions": standing.request.wanted,
        "AllocatedProvisionedConcurrentExecutions": standing.allocated,
        "AvailableProvisionedConcurrentExecutions": standing.available,
        "Status": standing.status,
        **({"StatusReason": standing.reason} if standing.reason else {}),
        "LastModified": moment(standing.request.modified_at_us),
    }
