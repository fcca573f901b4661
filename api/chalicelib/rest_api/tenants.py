"""Door 2's routes on tenants, for the admin key alone."""

from dataclasses import asdict
from typing import Any

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api.answers import moment, nothing, page_asked, shown
from chalicelib.tenants.tenant import Tenant, TenantLimits
from chalicelib.wiring import Controller


def list_all(hearth: Controller, call: Call, _admin: str) -> HttpAnswer:
    """List tenants by name."""
    tenants, next_after = hearth.tenants.administration.page(*page_asked(call))
    return shown({"tenants": [_tenant(one) for one in tenants], "next_after": next_after})


def put(hearth: Controller, call: Call, _admin: str, tenant: str) -> HttpAnswer:
    """Make a tenant and show its first keys, this once; or give one that is there the limits in the body."""
    issued = hearth.tenants.administration.put(tenant, TenantLimits.named(call.json() if call.body else {}))
    body = _tenant(hearth.tenants.administration.get(tenant))
    return shown({**body, "keys": asdict(issued)}, 201) if issued else shown(body)


def delete(hearth: Controller, _call: Call, _admin: str, tenant: str) -> HttpAnswer:
    """Delete a tenant: 204 when all of it is gone, 202 when some is left and the call is to be made again."""
    if hearth.tenants.administration.delete(tenant):
        return nothing()
    left = "functions or layers are left: make this call again"
    return shown({"tenant": tenant, "status": "deleting", "next": left}, 202)


def _tenant(tenant: Tenant) -> dict[str, Any]:
    """Limits that are null are the settings'."""
    return {
        "tenant": tenant.name,
        "created": moment(tenant.created_s * 1_000_000),
        "limits": asdict(tenant.limits),
    }
