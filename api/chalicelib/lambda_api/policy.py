"""Door 1's operations on a function's policy. What a statement grants here: see `chalicelib.functions.policy`."""

from collections.abc import Mapping
from typing import Any

from chalicelib.functions import policy
from chalicelib.lambda_api.functions import existing
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]


def add(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """AddPermission. The statement is kept and shown; by itself it lets nobody in."""
    named = existing(hearth, tenant, asked)
    statement = policy.compose(hearth.home.arn(tenant, named.name, named.qualifier), asked)
    hearth.functions.policies.add(tenant, named.name, named.qualifier, statement, asked.get("RevisionId"))
    return {"Statement": policy.as_text(statement)}


def get(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetPolicy."""
    named = existing(hearth, tenant, asked)
    shown = hearth.functions.policies.get(tenant, named.name, named.qualifier)
    return {"Policy": shown.text, "RevisionId": shown.revision}


def remove(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """RemovePermission."""
    named = existing(hearth, tenant, asked)
    hearth.functions.policies.remove(tenant, named.name, named.qualifier, asked["StatementId"], asked.get("RevisionId"))
    return {}
