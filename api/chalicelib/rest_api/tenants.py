"""The REST API's routes on tenants, for the admin key alone."""

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, page_asked, shown
from chalicelib.rest_api.members import body
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.tenants.tenant import Tenant, TenantLimits
from chalicelib.tenants.wiring import TenantUseCases


def list_all(tenants: TenantUseCases, call: Call, _admin: str) -> HttpAnswer:
    """List tenants by name."""
    found, next_after = tenants.administration.page(*page_asked(call))
    return shown(models.Tenants(tenants=tuple(_tenant(one) for one in found), next_after=next_after))


def put(tenants: TenantUseCases, call: Call, _admin: str, tenant: str) -> HttpAnswer:
    """Create a tenant and show its first keys, this once; or give an existing one the limits in the body."""
    issued = tenants.administration.put(tenant, TenantLimits(**body(call, bodies.LimitsRequest)))
    stored = _tenant(tenants.administration.get(tenant))
    return shown(models.NewTenant({**stored, "keys": _keys(issued)}), 201) if issued else shown(stored)


def delete(tenants: TenantUseCases, _call: Call, _admin: str, tenant: str) -> HttpAnswer:
    """Delete a tenant: 204 when nothing of it is left, 202 when something is and the call must be made again."""
    if tenants.administration.delete(tenant):
        return nothing()
    left = "functions or layers are left: make this call again"
    return shown(models.DeletingTenant(tenant=tenant, status="deleting", next=left), 202)


def _keys(issued: IssuedKeys) -> models.FirstKeys:
    return models.FirstKeys(
        tenant=issued.tenant,
        api_key=issued.api_key,
        access_key_id=issued.access_key_id,
        secret_access_key=issued.secret_access_key,
    )


def _tenant(tenant: Tenant) -> models.Tenant:
    return {"tenant": tenant.name, "created": moment(tenant.created_s * 1_000_000), "limits": tenant.limits}
