"""The short memory of the Credentials table."""

from typing import Any

import pytest
from chalicelib import credentials
from chalicelib.credentials import REMEMBER_S, CredentialTable


class CountingTable:
    """As much of DynamoDB's client as a look-up uses; counts."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.reads = 0

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803  boto3's spelling
        self.reads += 1
        item = self.items.get(Key["credential_id"]["S"])
        return {"Item": item} if item else {}


@pytest.fixture
def dynamodb() -> CountingTable:
    table = CountingTable()
    table.items["k"] = {"kind": {"S": "api_key"}, "tenant": {"S": "acme"}}
    return table


def test_what_was_found_is_believed_for_thirty_seconds(dynamodb: CountingTable) -> None:
    now_s = [100.0]
    table = CredentialTable(dynamodb, "t", lambda: now_s[0])
    assert table.tenant_of("k", "api_key") == "acme"
    del dynamodb.items["k"]

    now_s[0] += REMEMBER_S - 0.001
    assert table.tenant_of("k", "api_key") == "acme"
    now_s[0] += 0.002
    assert table.tenant_of("k", "api_key") is None


def test_what_was_not_found_is_looked_up_again(dynamodb: CountingTable) -> None:
    table = CredentialTable(dynamodb, "t", lambda: 100.0)
    assert table.tenant_of("new", "api_key") is None
    dynamodb.items["new"] = dynamodb.items["k"]

    assert table.tenant_of("new", "api_key") == "acme"


def test_a_credential_of_one_kind_is_none_of_another(dynamodb: CountingTable) -> None:
    table = CredentialTable(dynamodb, "t", lambda: 100.0)
    assert table.tenant_of("k", "api_key") == "acme"

    assert table.tenant_of("k", "access_key") is None


def test_the_memory_is_bounded(dynamodb: CountingTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "MAX_REMEMBERED", 1)
    dynamodb.items["other"] = dynamodb.items["k"]
    table = CredentialTable(dynamodb, "t", lambda: 100.0)

    for credential_id in ("k", "other", "k"):
        table.tenant_of(credential_id, "api_key")

    assert dynamodb.reads == 3
