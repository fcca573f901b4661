"""Door 1's operations on a function's policy. What a statement grants here: see `chalicelib.policy`."""

from collections.abc import Mapping
from typing import Any

from chalicelib import policy
from chalicelib.wiring import Controller

Asked = Mapping[str, Any]


def add(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """AddPermission. The statement is kept and shown; by itself it lets nobody in."""
    name, qualifier = _named(hearth, tenant, asked)
    arn = hearth.functions.get(tenant, name).version.arn
    statement = policy.compose(f"{arn}:{qualifier}" if qualifier else arn, asked)
    hearth.policies.add(tenant, name, qualifier, statement, asked.get("RevisionId"))
    return {"Statement": policy.as_text(statement)}


def get(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetPolicy."""
    shown = hearth.policies.get(tenant, *_named(hearth, tenant, asked))
    return {"Policy": shown.text, "RevisionId": shown.revision}


def remove(hearth: Controller, tenant: str, asked: Asked) -> dict[str, Any]:
    """RemovePermission."""
    name, qualifier = _named(hearth, tenant, asked)
    hearth.policies.remove(tenant, name, qualifier, asked["StatementId"], asked.get("RevisionId"))
    return {}


def _named(hearth: Controller, tenant: str, asked: Asked) -> tuple[str, str | None]:
    """Give name and qualifier of the function that is meant; raise NotFoundError."""
    named = hearth.home.find(tenant, asked["FunctionName"], asked.get("Qualifier"))
    hearth.router.shown(tenant, named.name, named.qualifier)
    return named.name, named.qualifier
