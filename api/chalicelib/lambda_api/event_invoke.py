"""The Lambda API's operations on event-invoke configuration: retries, maximum age and destinations."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import marker
from chalicelib.lambda_api.functions import existing, page_asked
from chalicelib.naming import Named, checked_qualifier
from shared_lua.contract import LATEST

Asked = Mapping[str, Any]

#: Member of Lambda's configuration → field of ours; the destinations are a member deeper.
FIELDS = {"MaximumRetryAttempts": "retries", "MaximumEventAgeInSeconds": "max_age_s"}
DESTINATIONS = {"OnSuccess": "on_success", "OnFailure": "on_failure"}


def put(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """PutFunctionEventInvokeConfig."""
    named = existing(functions, tenant, asked)
    return _shown(
        functions, tenant, named, functions.event_invokes.put(tenant, named.name, named.qualifier, _fields(asked))
    )


def update(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """UpdateFunctionEventInvokeConfig: members that are left out stay as they are."""
    named = existing(functions, tenant, asked)
    changed = functions.event_invokes.update(tenant, named.name, named.qualifier, _fields(asked))
    return _shown(functions, tenant, named, changed)


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetFunctionEventInvokeConfig."""
    named = existing(functions, tenant, asked)
    return _shown(functions, tenant, named, functions.event_invokes.get(tenant, named.name, named.qualifier))


def delete(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteFunctionEventInvokeConfig."""
    named = existing(functions, tenant, asked)
    functions.event_invokes.delete(tenant, named.name, named.qualifier)
    return {}


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListFunctionEventInvokeConfigs: of all versions and aliases, by qualifier."""
    named = existing(functions, tenant, asked)
    if named.qualifier:
        raise InvalidParameterError("A listing is of a whole function: name it without a qualifier")
    after, most = page_asked(asked)
    found, last = functions.event_invokes.page(tenant, named.name, checked_qualifier(after), most)
    shown = [_shown(functions, tenant, Named(named.name, qualifier), one) for qualifier, one in found]
    return {"FunctionEventInvokeConfigs": shown, **marker(last)}


def _fields(asked: Asked) -> dict[str, Any]:
    """Return the settings in the request. A destination without an ARN means no destination."""
    destinations = asked.get("DestinationConfig", {})
    named = {field: asked[member] for member, field in FIELDS.items() if member in asked}
    told = {field: destinations[member] for member, field in DESTINATIONS.items() if member in destinations}
    return named | {field: one.get("Destination") or None for field, one in told.items()}


def _shown(functions: FunctionUseCases, tenant: str, named: Named, one: EventInvoke) -> dict[str, Any]:
    told = {member: getattr(one, field) for member, field in DESTINATIONS.items()}
    numbers = {member: getattr(one, field) for member, field in FIELDS.items()}
    return {
        "LastModified": datetime.fromtimestamp(one.modified_at_us / 1_000_000, UTC),
        "FunctionArn": functions.home.arn(tenant, named.name, named.qualifier or LATEST),
        "DestinationConfig": {member: {"Destination": arn} if arn else {} for member, arn in told.items()},
        **{member: value for member, value in numbers.items() if value is not None},
    }
