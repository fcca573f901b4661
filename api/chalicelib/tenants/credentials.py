"""The Credentials table in DynamoDB: which tenant a key belongs to. Secrets in it are hashed or encrypted."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.storage.aws_errors import needing
from chalicelib.storage.items import Act
from shared_lua import keys

PART = "The table of credentials (DynamoDB)"


class Kind(StrEnum):
    """What a credential is."""

    API_KEY = "api_key"
    ACCESS_KEY = "access_key"
    ADMIN_KEY = "admin_key"
    ACCOUNT = "account"  #: no key: an anonymous caller of a function URL, whom the tenant pays for; never stored


@dataclass(frozen=True, kw_only=True)
class Credential:
    """One key as it is stored."""

    credential_id: str  #: of an API key and an admin key its hash, of an access key its id
    kind: Kind
    tenant: str
    encrypted: bytes = b""  #: the secret of an access key
    ends_s: int | None = None  #: Unix seconds from which it is no longer accepted; None = never


@dataclass(frozen=True)
class CredentialTable:
    """Credentials by their id. Writes are acts of a transaction that also changes the tenant's list of keys."""

    dynamodb: Any
    table: str

    def find(self, credential_id: str) -> Credential | None:
        """Give the credential, None when there is none; raise UnavailableError."""
        with needing(PART):
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(credential_id), ConsistentRead=True)
        return _credential(answer["Item"]) if "Item" in answer else None

    def adding(self, credential: Credential) -> Act:
        """Give the act of storing a credential that must not exist yet."""
        condition = "attribute_not_exists(credential_id)"
        return {"Put": {"TableName": self.table, "Item": _item(credential), "ConditionExpression": condition}}

    def ending(self, credential_id: str, ends_s: int) -> Act:
        """Give the act of setting the end of a credential that must be there and have none yet."""
        return {
            "Update": {
                "TableName": self.table,
                "Key": _key(credential_id),
                "UpdateExpression": "SET expires_s = :ends",
                "ConditionExpression": "attribute_exists(credential_id) AND attribute_not_exists(expires_s)",
                "ExpressionAttributeValues": {":ends": {"N": str(ends_s)}},
            }
        }

    def removing(self, credential_id: str) -> Act:
        """Give the act of deleting a credential, if it is there."""
        return {"Delete": {"TableName": self.table, "Key": _key(credential_id)}}

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self.find("-")


def _key(credential_id: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in keys.credential_row(credential_id).items()}


def _item(credential: Credential) -> dict[str, dict[str, str]]:
    return {
        **_key(credential.credential_id),
        "tenant": {"S": credential.tenant},
        "kind": {"S": credential.kind.value},
        "encrypted": {"S": base64.b64encode(credential.encrypted).decode()},
        **({"expires_s": {"N": str(credential.ends_s)}} if credential.ends_s is not None else {}),
    }


def _credential(item: Mapping[str, dict[str, str]]) -> Credential:
    return Credential(
        credential_id=item["credential_id"]["S"],
        kind=Kind(item["kind"]["S"]),
        tenant=item["tenant"]["S"],
        encrypted=_bytes(item.get("encrypted", {"S": ""})["S"]),
        ends_s=int(item["expires_s"]["N"]) if "expires_s" in item else None,
    )


def _bytes(text: str) -> bytes:
    """Give nothing for what is not base64: decrypting that fails, and is logged there."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
