"""Door 2's routes on keys: a tenant's own, or the admin's own at their own address."""

from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api.answers import moment, nothing, number, shown
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.keys import IssuedKey, ListedKey
from chalicelib.tenants.proof import claim_of
from chalicelib.tenants.tenant import ADMIN
from chalicelib.wiring import Controller

#: How long a rotated key works on when nothing is said: a day, time enough to carry the new one everywhere.
OVERLAP_S = 24 * 3600

#: What a caller may ask for, and gets when it names nothing.
KINDS = (Kind.API_KEY, Kind.ACCESS_KEY)
ADMIN_KINDS = (Kind.ADMIN_KEY,)


def list_all(hearth: Controller, _call: Call, tenant: str) -> HttpAnswer:
    """List the keys that work, never their secrets."""
    return shown({"keys": [_listed(key) for key in hearth.tenants.keys.listed(tenant)]})


def issue(hearth: Controller, call: Call, tenant: str) -> HttpAnswer:
    """Make keys of the kinds that the body names, and show them this once."""
    issued = hearth.tenants.keys.issue(tenant, _kinds(call, tenant), own=_own(call))
    return shown({"keys": [_issued(key) for key in issued]}, 201)


def rotate(hearth: Controller, call: Call, tenant: str, key_id: str) -> HttpAnswer:
    """Make a key in the place of another, which works for `overlap_s` seconds more."""
    overlap_s = number("overlap_s", call.parameter("overlap_s") or str(OVERLAP_S))
    return shown(_issued(hearth.tenants.keys.rotate(tenant, key_id, overlap_s, own=_own(call))), 201)


def revoke(hearth: Controller, call: Call, tenant: str, key_id: str) -> HttpAnswer:
    """Let a key count no more, from now."""
    hearth.tenants.keys.revoke(tenant, key_id, own=_own(call))
    return nothing()


def _own(call: Call) -> str:
    return claim_of(call).credential_id


def _kinds(call: Call, tenant: str) -> list[Kind]:
    offered = ADMIN_KINDS if tenant == ADMIN else KINDS
    asked = (call.json() if call.body else {}).get("kinds", list(offered))
    if (
        not isinstance(asked, list)
        or not asked
        or len(asked) > len(offered)
        or any(one not in offered for one in asked)
    ):
        raise InvalidParameterError(f"kinds must be a list of {' and '.join(offered)}, at most {len(offered)} of them")
    return [Kind(one) for one in asked]


def _listed(key: ListedKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "kind": key.kind,
        "last_four": key.last_four,
        "created": moment(key.created_s * 1_000_000),
        "ends": moment(key.ends_s * 1_000_000) if key.ends_s is not None else None,
    }


def _issued(key: IssuedKey) -> dict[str, Any]:
    if key.listed.kind is Kind.ACCESS_KEY:
        secrets = {"access_key_id": key.listed.key_id, "secret_access_key": key.secret}
    else:
        secrets = {key.listed.kind.value: key.secret}
    return {**_listed(key.listed), **secrets}
