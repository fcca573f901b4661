"""A tenant's keys in the REST API: issued, listed, rotated, revoked."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalicelib import limits
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller

from tests.apigateway import Answer, Gateway
from tests.integration.api.conftest import Configure

pytestmark = [pytest.mark.aws, pytest.mark.redis]

Key = dict[str, str]


def issue(gateway: Gateway, key: Key, body: bytes = b'{"kinds": ["api_key"]}') -> list[dict[str, Any]]:
    """Give new keys."""
    answer = gateway.send("POST", "/keys", body, key)
    assert answer.status == 201, answer
    issued: list[dict[str, Any]] = answer.json["keys"]
    return issued


def header(issued: dict[str, Any]) -> Key:
    return {"x-api-key": issued["api_key"]}


def listed(gateway: Gateway, key: Key) -> dict[str, dict[str, Any]]:
    """The keys by id."""
    return {one["key_id"]: one for one in gateway.send("GET", "/keys", headers=key).json["keys"]}


def api_key_id(gateway: Gateway, key: Key) -> str:
    """The id of the tenant's first API key."""
    [key_id] = [str(one["key_id"]) for one in listed(gateway, key).values() if one["kind"] == "api_key"]
    return key_id


def lets_in(gateway: Gateway, key: Key) -> bool:
    return gateway.send("GET", "/functions", headers=key).status == 200


def test_a_list_shows_each_keys_kind_age_and_last_four_characters_and_no_more(
    gateway: Gateway, key: Key, tenant: IssuedKeys
) -> None:
    answer = gateway.send("GET", "/keys", headers=key)

    shown = {one["kind"]: one for one in answer.json["keys"]}
    assert shown["api_key"]["last_four"] == tenant.api_key[-4:]
    assert shown["access_key"]["last_four"] == tenant.secret_access_key[-4:]
    assert shown["access_key"]["key_id"] == tenant.access_key_id
    assert all(set(one) == {"key_id", "kind", "last_four", "created", "ends"} for one in shown.values())
    assert tenant.api_key not in answer.body
    assert tenant.secret_access_key not in answer.body


def test_neither_table_holds_a_secret_in_clear(aws: Any, data: dict[str, str], tenant: IssuedKeys) -> None:
    rows = [
        row
        for table in ("CredentialsTable", "ItemsTable")
        for row in aws("dynamodb").scan(TableName=data[table])["Items"]
    ]

    assert len(rows) == 5  # two credentials, listed twice over, and the tenant
    assert tenant.api_key not in str(rows)
    assert tenant.secret_access_key not in str(rows)


def test_both_kinds_are_issued_together_or_alone_and_work_at_once(gateway: Gateway, key: Key) -> None:
    api, access = issue(gateway, key, b"")
    [alone] = issue(gateway, key, b'{"kinds": ["access_key"]}')

    assert lets_in(gateway, header(api))
    for one in (access, alone):
        assert gateway.client(one["access_key_id"], one["secret_access_key"]).list_functions()["Functions"] == []


@pytest.mark.parametrize(
    "body", [b'{"kinds": []}', b'{"kinds": "api_key"}', b'{"kinds": ["admin_key"]}', b'{"kinds": [{}]}', b"[]", b"{"]
)
def test_kinds_that_are_none_are_refused(gateway: Gateway, key: Key, body: bytes) -> None:
    assert gateway.send("POST", "/keys", body, key).status == 400
    assert len(listed(gateway, key)) == 2


def test_a_tenant_may_have_fifty_keys_and_no_more(gateway: Gateway, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.MAX_KEYS == 50
    monkeypatch.setattr(limits, "MAX_KEYS", 4)
    issue(gateway, key, b"")

    refused = gateway.send("POST", "/keys", b'{"kinds": ["api_key"]}', key)

    assert (refused.status, refused.json["error"]) == (409, "A tenant may have 4 keys and has 4: revoke one first")


def test_a_revoked_api_key_counts_no_more_at_once(gateway: Gateway, key: Key) -> None:
    [new] = issue(gateway, key)
    assert lets_in(gateway, header(new))

    assert gateway.send("DELETE", f"/keys/{new['key_id']}", headers=key).status == 204

    refused = gateway.send("GET", "/functions", headers=header(new))
    assert (refused.status, refused.json["type"]) == (403, "AccessDeniedException")
    assert new["key_id"] not in listed(gateway, key)


def test_a_revoked_access_key_counts_no_more_at_once(gateway: Gateway, key: Key, tenant: IssuedKeys) -> None:
    client = gateway.client(tenant.access_key_id, tenant.secret_access_key)
    client.list_functions()

    gateway.send("DELETE", f"/keys/{tenant.access_key_id}", headers=key)

    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client.list_functions()


def test_the_key_of_the_call_itself_is_not_revoked_for_it_may_be_the_last(gateway: Gateway, key: Key) -> None:
    refused = gateway.send("DELETE", f"/keys/{api_key_id(gateway, key)}", headers=key)

    assert refused.status == 409
    assert "rotate it with overlap_s=0" in refused.json["error"]
    assert lets_in(gateway, key)


def test_an_access_key_does_not_revoke_itself_either(
    gateway: Gateway, tenant: IssuedKeys, signed: Callable[..., Key]
) -> None:
    url = f"http://hearth.test/keys/{tenant.access_key_id}"

    refused = gateway.send("DELETE", f"/keys/{tenant.access_key_id}", headers=signed("DELETE", url, tenant))

    assert refused.status == 409


def rotated(gateway: Gateway, key: Key, query: str = "") -> Answer:
    """Rotate the key of the call itself."""
    return gateway.send("POST", f"/keys/{api_key_id(gateway, key)}/rotation{query}", headers=key)


def test_a_rotated_key_works_on_for_a_day_beside_the_new_one(gateway: Gateway, key: Key) -> None:
    old_id = api_key_id(gateway, key)

    new = rotated(gateway, key)

    assert (new.status, new.json["kind"]) == (201, "api_key")
    assert lets_in(gateway, key)
    assert lets_in(gateway, header(new.json))
    keys = listed(gateway, key)
    assert keys[new.json["key_id"]]["ends"] is None
    assert keys[old_id]["ends"][:10] == time.strftime("%Y-%m-%d", time.gmtime(time.time() + 24 * 3600))


def test_a_key_rotated_without_overlap_ends_at_once(gateway: Gateway, key: Key) -> None:
    assert lets_in(gateway, key)

    new = rotated(gateway, key, "?overlap_s=0")

    assert not lets_in(gateway, key)
    left = listed(gateway, header(new.json)).values()
    assert new.json["api_key"][-4:] in [one["last_four"] for one in left]
    assert len(listed(gateway, header(new.json))) == 2


def test_a_rotated_access_key_is_one_again(gateway: Gateway, key: Key, tenant: IssuedKeys) -> None:
    new = gateway.send("POST", f"/keys/{tenant.access_key_id}/rotation?overlap_s=0", headers=key).json

    assert new["access_key_id"] != tenant.access_key_id
    assert gateway.client(new["access_key_id"], new["secret_access_key"]).list_functions()["Functions"] == []
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        gateway.client(tenant.access_key_id, tenant.secret_access_key).list_functions()


@pytest.mark.parametrize(("overlap_s", "status"), [("604800", 201), ("604801", 400), ("-1", 400), ("soon", 400)])
def test_an_overlap_is_a_week_at_most(gateway: Gateway, key: Key, overlap_s: str, status: int) -> None:
    assert rotated(gateway, key, f"?overlap_s={overlap_s}").status == status


def test_a_rotated_key_changes_no_keys_any_more_and_is_not_rotated_again(gateway: Gateway, key: Key) -> None:
    old_id = api_key_id(gateway, key)
    new = rotated(gateway, key).json

    attempts = [
        gateway.send("POST", "/keys", b"", key),
        gateway.send("DELETE", f"/keys/{new['key_id']}", headers=key),
        gateway.send("POST", f"/keys/{new['key_id']}/rotation", headers=key),
        gateway.send("POST", f"/keys/{old_id}/rotation", headers=header(new)),
    ]

    assert [answer.status for answer in attempts] == [409] * 4
    assert "use the one in its place" in attempts[0].json["error"]
    assert gateway.send("DELETE", f"/keys/{old_id}", headers=header(new)).status == 204
    assert not lets_in(gateway, key)


def test_a_key_that_is_not_there_is_not_found(gateway: Gateway, key: Key) -> None:
    assert gateway.send("DELETE", "/keys/HKAAAAAAAAAAAAAAAAAA", headers=key).status == 404
    assert gateway.send("POST", "/keys/HKAAAAAAAAAAAAAAAAAA/rotation", headers=key).status == 404


def test_a_stored_secret_that_was_moved_or_changed_is_refused_and_breaks_nothing(
    gateway: Gateway, tenant: IssuedKeys, hearth: Controller, aws: Any, data: dict[str, str]
) -> None:
    other, dynamodb = hearth.tenants.administration.create("other"), aws("dynamodb")
    name = data["CredentialsTable"]
    stored = dynamodb.get_item(TableName=name, Key={"credential_id": {"S": other.access_key_id}})["Item"]
    mine = dynamodb.get_item(TableName=name, Key={"credential_id": {"S": tenant.access_key_id}})["Item"]

    # Who may write the table but has no master secret puts the encrypted secret of a key of theirs into another's row.
    for encrypted in (stored["encrypted"], {"S": "no base64"}, {"S": ""}):
        dynamodb.put_item(TableName=name, Item=mine | {"encrypted": encrypted})
        hearth.tenants.keys.changed("acme")
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            gateway.client(tenant.access_key_id, other.secret_access_key).list_functions()


def test_another_master_secret_reads_no_stored_secret_but_every_api_key(
    gateway: Gateway, tenant: IssuedKeys, key: Key, configure: Configure
) -> None:
    configure(HEARTH_SECRET_SEED="another master secret, long enough as well")

    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        gateway.client(tenant.access_key_id, tenant.secret_access_key).list_functions()
    assert lets_in(gateway, key)
