"""The Lambda API's operations on a function's policy. What a statement grants: see `chalicelib.functions.policy`."""

from collections.abc import Mapping
from typing import Any

from chalicelib.functions import policy
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.functions import existing

Asked = Mapping[str, Any]


def add(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """AddPermission. The statement is stored and shown; it grants nothing by itself, except a public function URL."""
    named = existing(functions, tenant, asked)
    statement = policy.compose(functions.home.arn(tenant, named.name, named.qualifier), asked)
    functions.policies.add(tenant, named.name, named.qualifier, statement, asked.get("RevisionId"))
    return {"Statement": policy.as_text(statement)}


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetPolicy."""
    named = existing(functions, tenant, asked)
    shown = functions.policies.get(tenant, named.name, named.qualifier)
    return {"Policy": shown.text, "RevisionId": shown.revision}


def remove(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """RemovePermission."""
    named = existing(functions, tenant, asked)
    functions.policies.remove(tenant, named.name, named.qualifier, asked["StatementId"], asked.get("RevisionId"))
    return {}
