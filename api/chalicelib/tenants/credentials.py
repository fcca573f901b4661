"""The Credentials table in DynamoDB: whose a key is, by its id; never sees a secret that is not hashed or sealed."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.storage.aws_errors import needing
from chalicelib.storage.items import Act
from shared_lua import keys

ITEMS = "The table of credentials (DynamoDB)"


class Kind(StrEnum):
    """What a credential is."""

    API_KEY = "api_key"
    ACCESS_KEY = "access_key"
    ADMIN_KEY = "admin_key"
    ACCOUNT = "account"  #: no key at all: a stranger whom the tenant lets call at its cost; never stored


@dataclass(frozen=True, kw_only=True)
class Credential:
    """One key as it is stored."""

    credential_id: str  #: of an API key and an admin key its hash, of an access key its id
    kind: Kind
    tenant: str
    sealed: bytes = b""  #: of an access key its secret, encrypted
    ends_s: int | None = None  #: Unix seconds from which it counts no more; None = never


@dataclass(frozen=True)
class CredentialTable:
    """Credentials by their id. Writes are acts for one transaction, which lists a key and stores it, or neither."""

    dynamodb: Any
    table: str

    def find(self, credential_id: str) -> Credential | None:
        """Give the credential, None when there is none; raise UnavailableError."""
        with needing(ITEMS):
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
        """Give the act of forgetting a credential, if it is there."""
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
        "sealed": {"S": base64.b64encode(credential.sealed).decode()},
        **({"expires_s": {"N": str(credential.ends_s)}} if credential.ends_s is not None else {}),
    }


def _credential(item: Mapping[str, dict[str, str]]) -> Credential:
    return Credential(
        credential_id=item["credential_id"]["S"],
        kind=Kind(item["kind"]["S"]),
        tenant=item["tenant"]["S"],
        sealed=_bytes(item.get("sealed", {"S": ""})["S"]),
        ends_s=int(item["expires_s"]["N"]) if "expires_s" in item else None,
    )


def _bytes(text: str) -> bytes:
    """What is no base64 any more is no sealed secret either: nothing, then, and the seal says so."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
