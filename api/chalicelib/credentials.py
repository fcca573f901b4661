"""The Credentials table in DynamoDB, with a short memory; never sees a secret."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.aws_errors import needing
from shared_lua import keys

PART = "The table of credentials (DynamoDB)"

#: How long a credential is believed without looking again, hence how long a revoked one may still work.
REMEMBER_S = 30.0

#: Beyond this many the memory starts afresh: it is there for the busy few.
MAX_REMEMBERED = 10_000


class CredentialTable:
    """Credentials by their id. Only what was found is remembered: a key just made must work at once."""

    def __init__(self, dynamodb: Any, table: str, monotonic_s: Callable[[], float]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._monotonic_s = monotonic_s
        self._remembered: dict[tuple[str, str], tuple[str, float]] = {}

    def tenant_of(self, credential_id: str, kind: str) -> str | None:
        """Give the tenant that a credential of this kind belongs to, None without one; raise UnavailableError."""
        tenant, until_s = self._remembered.get((credential_id, kind), ("", 0.0))
        if self._monotonic_s() < until_s:
            return tenant
        found = self._look_up(credential_id, kind)
        if found is not None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[credential_id, kind] = (found, self._monotonic_s() + REMEMBER_S)
        return found

    def add(self, tenant: str, kinds: Mapping[str, str], created_s: int) -> None:
        """Store credentials, id to kind, all of them or none; raise UnavailableError."""
        puts = [
            {"Put": {"TableName": self._table, "Item": _item(tenant, credential_id, kind, created_s)}}
            for credential_id, kind in kinds.items()
        ]
        with needing(PART):
            self._dynamodb.transact_write_items(TransactItems=puts)

    def check(self) -> None:
        """Raise UnavailableError unless the table answers."""
        self._look_up("-", "-")

    def _look_up(self, credential_id: str, kind: str) -> str | None:
        key = {"credential_id": {"S": keys.credential_row(credential_id)["credential_id"]}}
        with needing(PART):
            item = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is None or item["kind"]["S"] != kind:
            return None
        tenant: str = item["tenant"]["S"]
        return tenant


def _item(tenant: str, credential_id: str, kind: str, created_s: int) -> dict[str, dict[str, str]]:
    return {
        **{name: {"S": value} for name, value in keys.credential_row(credential_id).items()},
        "tenant": {"S": tenant},
        "kind": {"S": kind},
        "created_s": {"N": str(created_s)},
    }
