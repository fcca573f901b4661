"""Tenants and the admin key, in the REST API."""

import json
import time
from typing import Any

import pytest
from chalicelib import limits
from chalicelib.errors import ConflictError
from chalicelib.tenants import administration
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.tenants.credentials import Kind
from chalicelib.tenants.tenant import TenantRows
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure, upload
from tests.zips import zipped

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


@pytest.fixture
def admin(hearth: Controller) -> Key:
    """The header of the admin key."""
    return {"x-api-key": hearth.tenants.administration.new_admin_key().secret}


def put(gateway: Gateway, admin: Key, name: str, **allowed: Any) -> Answer:
    return gateway.send("PUT", f"/tenants/{name}", json.dumps(allowed).encode(), admin)


def names(gateway: Gateway, admin: Key, query: str = "") -> list[str]:
    answer = gateway.send("GET", f"/tenants{query}", headers=admin)
    return [one["tenant"] for one in answer.json["tenants"]]


def test_a_new_tenant_gets_its_first_keys_once(gateway: Gateway, admin: Key) -> None:
    first, second = put(gateway, admin, "new"), put(gateway, admin, "new")

    assert (first.status, second.status) == (201, 200)
    keys = first.json["keys"]
    assert gateway.send("GET", "/functions", headers={"x-api-key": keys["api_key"]}).status == 200
    assert gateway.client(keys["access_key_id"], keys["secret_access_key"]).list_functions()["Functions"] == []
    assert "keys" not in second.json


def test_tenants_are_listed_by_name_in_pages(gateway: Gateway, admin: Key) -> None:
    for name in ("b", "c", "a"):
        put(gateway, admin, name)

    page = gateway.send("GET", "/tenants?limit=2", headers=admin).json

    assert ([one["tenant"] for one in page["tenants"]], page["next_after"]) == (["a", "b"], "b")
    assert names(gateway, admin, "?limit=2&after=b") == ["c"]

    gateway.send("DELETE", "/tenants/a", headers=admin)
    assert names(gateway, admin, "?limit=2") == ["b", "c"]


def test_limits_are_the_settings_until_they_are_named_and_whole_each_time(gateway: Gateway, admin: Key) -> None:
    nothing = {"rate_per_s": None, "burst": None, "concurrency": None}
    assert put(gateway, admin, "new").json["limits"] == nothing

    assert put(gateway, admin, "new", rate_per_s=1, concurrency=3).json["limits"] == nothing | {
        "rate_per_s": 1,
        "concurrency": 3,
    }
    assert put(gateway, admin, "new", burst=2).json["limits"] == nothing | {"burst": 2}


def test_a_tenants_own_limits_count_from_the_next_call_on(gateway: Gateway, admin: Key, configure: Configure) -> None:
    configure(HEARTH_TENANT_RATE_PER_S="1", HEARTH_TENANT_BURST="1")
    key = {"x-api-key": put(gateway, admin, "new", burst=3).json["keys"]["api_key"]}
    assert [gateway.send("GET", "/functions", headers=key).status for _ in range(4)] == [200, 200, 200, 429]

    put(gateway, admin, "new", rate_per_s=1_000_000, burst=1_000_000)

    answers = [gateway.send("GET", "/functions", headers=key).status for _ in range(5)]
    assert answers.count(200) >= 4  # the first may come before a microsecond has passed


@pytest.mark.parametrize("name", ["rate_per_s", "burst", "concurrency"])
def test_a_limit_is_one_to_a_million(gateway: Gateway, admin: Key, name: str) -> None:
    assert put(gateway, admin, "new", **{name: 1}).status == 201
    assert put(gateway, admin, "new", **{name: limits.TENANT_LIMIT.stop - 1}).status == 200

    for wrong in (0, limits.TENANT_LIMIT.stop, -1, 1.5, "1", True, [1]):
        refused = put(gateway, admin, "new", **{name: wrong})
        assert (refused.status, name in refused.json["error"]) == (400, True)


def test_an_unknown_limit_is_named(gateway: Gateway, admin: Key) -> None:
    refused = put(gateway, admin, "new", cpu=1)

    assert (refused.status, "'cpu'" in refused.json["error"]) == (400, True)
    assert names(gateway, admin) == []


@pytest.mark.parametrize(("name", "status"), [("a" * 64, 201), ("a" * 65, 400), ("a.b", 400), ("%2Fadmin", 400)])
def test_a_tenants_name_is_one_word(gateway: Gateway, admin: Key, name: str, status: int) -> None:
    assert put(gateway, admin, name).status == status


ADMIN_ROUTES = [
    ("GET", "/tenants"),
    ("PUT", "/tenants/acme"),
    ("PUT", "/tenants/nobody"),
    ("DELETE", "/tenants/acme"),
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys"),
]


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
def test_a_tenants_key_is_no_admin_key(gateway: Gateway, key: Key, method: str, path: str) -> None:
    refused = gateway.send(method, path, headers=key)

    assert (refused.status, refused.json["error"]) == (403, "Only the admin key may do this.")
    assert gateway.send(method, path).status == 401


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/functions"), ("GET", "/keys"), ("POST", "/keys"), ("GET", "/2015-03-31/functions")]
)
def test_the_admin_key_is_no_tenants_key(gateway: Gateway, admin: Key, method: str, path: str) -> None:
    refused = gateway.send(method, path, headers=admin)

    assert refused.status == 403
    assert "use a tenant's own key here" in refused.body


def test_an_admin_key_is_rotated_and_revoked_as_others_are(gateway: Gateway, admin: Key) -> None:
    new = gateway.send("POST", "/admin/keys", headers=admin).json["keys"][0]
    second = {"x-api-key": new["admin_key"]}
    [old_id] = [
        one["key_id"]
        for one in gateway.send("GET", "/admin/keys", headers=admin).json["keys"][:2]
        if one["key_id"] != new["key_id"]
    ]

    third = gateway.send("POST", f"/admin/keys/{new['key_id']}/rotation?overlap_s=0", headers=second).json
    revoked = gateway.send("DELETE", f"/admin/keys/{old_id}", headers={"x-api-key": third["admin_key"]})

    assert revoked.status == 204
    statuses = [
        gateway.send("GET", "/tenants", headers={"x-api-key": text}).status
        for text in (admin["x-api-key"], new["admin_key"], third["admin_key"])
    ]
    assert statuses == [403, 403, 200]


def test_a_deleted_tenants_keys_count_no_more_and_its_functions_are_gone(
    gateway: Gateway, admin: Key, key: Key, tenant: IssuedKeys, hearth: Controller
) -> None:
    upload(gateway, key)

    assert gateway.send("DELETE", "/tenants/acme", headers=admin).status == 204

    assert gateway.send("GET", "/functions/hello", headers=key).status == 403
    assert hearth.functions.lifecycle.page("acme", None, 50).functions == []
    assert hearth.tenants.keys.listed("acme") == []
    assert names(gateway, admin) == []


def test_many_functions_take_many_calls_and_the_answer_says_so(
    gateway: Gateway, admin: Key, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "MOST_DELETED", 2)
    monkeypatch.setattr(limits, "MAX_PAGE", 2)
    for name in ("a", "b", "c"):
        upload(gateway, key, name)

    answers = [gateway.send("DELETE", "/tenants/acme", headers=admin) for _ in range(3)]

    assert [answer.status for answer in answers] == [202, 204, 204]
    assert answers[0].json["next"] == "functions or layers are left: make this call again"


def test_a_deleted_tenants_layers_and_their_zips_go_with_it(
    gateway: Gateway, admin: Key, boto: Any, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "MOST_DELETED", 2)
    for n in range(3):
        boto.publish_layer_version(LayerName="shared", Content={"ZipFile": zipped({"python/a.py": f"# {n}"})})
    boto.publish_layer_version(LayerName="other", Content={"ZipFile": zipped({"python/a.py": "# 0"})})

    answers = [gateway.send("DELETE", "/tenants/acme", headers=admin).status for _ in range(2)]

    assert answers == [202, 204]
    assert hearth.functions.layers.page("acme", lambda _: True, None, 50) == ([], None)
    assert hearth.functions.lifecycle.code_store.collect(int(time.time()) + 100, grace_s=10) == 3


def test_a_deleted_tenants_keys_count_no_more_even_when_their_rows_are_left(
    gateway: Gateway, admin: Key, key: Key, hearth: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting may end half-way: what it says first must be enough."""
    assert gateway.send("GET", "/functions", headers=key).status == 200
    monkeypatch.setattr(type(hearth.tenants.keys), "revoke_all", lambda _self, _tenant: 1 / 0)

    assert gateway.send("DELETE", "/tenants/acme", headers=admin).status == 500

    assert gateway.send("GET", "/functions", headers=key).status == 403
    assert names(gateway, admin) == []


def test_a_deleted_tenants_name_is_nobodys_again(gateway: Gateway, admin: Key, tenant: IssuedKeys) -> None:
    gateway.send("DELETE", "/tenants/acme", headers=admin)

    refused = put(gateway, admin, "acme")

    assert refused.status == 409
    assert "choose another" in refused.json["error"]


def test_a_tenant_that_never_was_is_not_found(gateway: Gateway, admin: Key) -> None:
    assert gateway.send("DELETE", "/tenants/nobody", headers=admin).status == 404


def test_no_key_is_made_for_a_tenant_that_goes_at_that_moment(
    hearth: Controller, tenant: IssuedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = hearth.tenants.administration.rows.find("acme")
    hearth.tenants.administration.delete("acme")
    monkeypatch.setattr(TenantRows, "find", lambda _self, _name: read)  # as it was a moment ago

    with pytest.raises(ConflictError, match="changed by another request meanwhile"):
        hearth.tenants.keys.issue("acme", [Kind.API_KEY], own="")

    assert hearth.tenants.keys.listed("acme") == []


def test_failed_logins_at_admin_routes_are_slowed_by_address(gateway: Gateway, configure: Configure) -> None:
    configure(HEARTH_ADDRESS_RATE_PER_S="1", HEARTH_ADDRESS_BURST="2")

    statuses = [gateway.send("GET", "/tenants", headers={"x-api-key": f"hearth_admin_{n}"}).status for n in range(3)]

    assert statuses == [403, 403, 429]
