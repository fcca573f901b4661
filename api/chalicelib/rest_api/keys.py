"""The REST API's routes on keys: a tenant's own, and below /admin the admin's own."""

from typing import cast

from chalicelib.calls import Call
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, number, shown
from chalicelib.rest_api.members import body
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.keys import IssuedKey, ListedKey
from chalicelib.tenants.proof import claim_of
from chalicelib.tenants.tenant import ADMIN
from chalicelib.tenants.wiring import TenantUseCases

#: How long a rotated key works on by default: a day, time enough to carry the new one everywhere.
OVERLAP_S = 24 * 3600


def list_all(tenants: TenantUseCases, _call: Call, tenant: str) -> HttpAnswer:
    """List the keys that work, never their secrets."""
    return shown(models.Keys(keys=tuple(_listed(key) for key in tenants.keys.listed(tenant))))


def issue(tenants: TenantUseCases, call: Call, tenant: str) -> HttpAnswer:
    """Make keys of the kinds that the body names, and show them this once."""
    issued = tenants.keys.issue(tenant, _kinds(call, tenant), own=_own(call))
    return shown(models.IssuedKeys(keys=tuple(_issued(key) for key in issued)), 201)


def rotate(tenants: TenantUseCases, call: Call, tenant: str, key_id: str) -> HttpAnswer:
    """Make a key in the place of another, which works for `overlap_s` seconds more."""
    overlap_s = number("overlap_s", call.parameter("overlap_s") or str(OVERLAP_S))
    return shown(_issued(tenants.keys.rotate(tenant, key_id, overlap_s, own=_own(call))), 201)


def revoke(tenants: TenantUseCases, call: Call, tenant: str, key_id: str) -> HttpAnswer:
    """Revoke a key at once."""
    tenants.keys.revoke(tenant, key_id, own=_own(call))
    return nothing()


def _own(call: Call) -> str:
    return claim_of(call).credential_id


def _kinds(call: Call, tenant: str) -> list[Kind]:
    """Return the kinds of keys to make: one of each by default."""
    if tenant == ADMIN:
        kinds = body(call, bodies.AdminKeyKinds).get("kinds", (Kind.ADMIN_KEY,))
    else:
        kinds = body(call, bodies.KeyKinds).get("kinds", (Kind.API_KEY, Kind.ACCESS_KEY))
    return [Kind(one) for one in kinds]


def _listed(key: ListedKey) -> models.Key:
    return models.Key(
        key_id=key.key_id,
        kind=key.kind,
        last_four=key.last_four,
        created=moment(key.created_s * 1_000_000),
        ends=moment(key.ends_s * 1_000_000) if key.ends_s is not None else None,
    )


def _issued(key: IssuedKey) -> models.IssuedKey:
    issued = cast(models.IssuedKey, _listed(key.listed))
    if key.listed.kind is Kind.ACCESS_KEY:
        issued |= {"access_key_id": key.listed.key_id, "secret_access_key": key.secret}
    elif key.listed.kind is Kind.ADMIN_KEY:
        issued |= {"admin_key": key.secret}
    else:
        issued |= {"api_key": key.secret}
    return issued
