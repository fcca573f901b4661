"""Issues, lists, rotates and revokes a tenant's keys."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib import limits
from chalicelib.errors import ConflictError, NotFoundError
from chalicelib.storage.items import Act, Item, Items
from chalicelib.tenants import keyring
from chalicelib.tenants.credentials import Credential, CredentialTable, Kind
from chalicelib.tenants.encryption import Encryption
from chalicelib.tenants.tenant import ADMIN, TenantRows
from shared_lua import keys

CHANGED = "The tenant or this key was changed by another request meanwhile. Look, then try again."


@dataclass(frozen=True, kw_only=True)
class ListedKey:
    """A key as it may be shown at any time."""

    key_id: str
    kind: Kind
    last_four: str  #: of what is secret about it
    created_s: int
    ends_s: int | None = None  #: Unix seconds; a rotated key works until then


@dataclass(frozen=True)
class IssuedKey:
    """A new key. `secret` is the API key itself, or an access key's secret; it is shown only this once."""

    listed: ListedKey
    secret: str


@dataclass(frozen=True, kw_only=True)
class TenantKeys:
    """The use-cases. `changed` is called with the tenant after every change, and makes stale what is remembered of it.

    `own` is the key that the call itself was made with. It can be rotated but not revoked, and once it is rotated it
    may change no keys. So a tenant always has a key left that works.
    """

    credentials: CredentialTable
    items: Items
    tenants: TenantRows
    encryption: Encryption
    changed: Callable[[str], None]
    now_s: Callable[[], float]

    def minted(self, tenant: str, kinds: Sequence[Kind]) -> tuple[list[IssuedKey], list[Act]]:
        """Make new keys, and the acts that store them."""
        issued = [self._mint(kind) for kind in kinds]
        return issued, [act for key in issued for act in self._adding(tenant, key)]

    def issue(self, tenant: str, kinds: Sequence[Kind], own: str) -> list[IssuedKey]:
        """Issue new keys; raise ConflictError when the tenant has as many as it may."""
        listed = self._listed_by(tenant, own)
        if len(listed) + len(kinds) > limits.MAX_KEYS:
            raise ConflictError(f"A tenant may have {limits.MAX_KEYS} keys and has {len(listed)}: revoke one first")
        issued, acts = self.minted(tenant, kinds)
        self._transact(tenant, acts)
        return issued

    def listed(self, tenant: str) -> list[ListedKey]:
        """Give the keys that work, oldest first."""
        found = [_listed(item) for item in self.items.every(keys.tenant_keys(tenant))]
        working = [key for key in found if key.ends_s is None or self.now_s() < key.ends_s]
        return sorted(working, key=lambda key: (key.created_s, key.key_id))

    def rotate(self, tenant: str, key_id: str, overlap_s: int, own: str) -> IssuedKey:
        """Issue a new key of the same kind; the old one works for `overlap_s` seconds more.

        Raises InvalidParameterError, NotFoundError, and ConflictError when the key was rotated before.
        """
        limits.check_overlap(overlap_s)
        old = self._find(tenant, key_id, own)
        if old.ends_s is not None:
            raise ConflictError(f"Key {key_id} was rotated before: rotate the one that took its place")
        [new], acts = self.minted(tenant, [old.kind])
        self._transact(tenant, [*acts, *self._ending(tenant, old, int(self.now_s()) + overlap_s)])
        return new

    def revoke(self, tenant: str, key_id: str, own: str) -> None:
        """Delete a key at once; raise NotFoundError, and ConflictError for the key of this call."""
        self._find(tenant, key_id, own)
        if key_id == own:
            raise ConflictError(
                "This call was made with this very key, which may be the last: rotate it with overlap_s=0, or revoke it"
                " with another"
            )
        self._forget(tenant, key_id)
        self.changed(tenant)

    def revoke_all(self, tenant: str) -> None:
        """Delete every key of a deleted tenant."""
        for key in self.items.every(keys.tenant_keys(tenant)):
            self._forget(tenant, key.name)
        self.changed(tenant)

    def _forget(self, tenant: str, key_id: str) -> None:
        partition = keys.tenant_keys(tenant)
        acts = [self.credentials.removing(key_id), self.items.removing(partition, key_id)]
        if not self.items.transact(acts):
            raise ConflictError(CHANGED)

    def _find(self, tenant: str, key_id: str, own: str) -> ListedKey:
        for key in self._listed_by(tenant, own):
            if key.key_id == key_id:
                return key
        raise NotFoundError(f"Key not found: {key_id}")

    def _listed_by(self, tenant: str, own: str) -> list[ListedKey]:
        """Give the keys that work; raise ConflictError when the caller's own is about to end."""
        listed = self.listed(tenant)
        if any(key.key_id == own and key.ends_s is not None for key in listed):
            raise ConflictError("The key of this call was rotated, and may change no keys: use the one in its place")
        return listed

    def _transact(self, tenant: str, acts: list[Act]) -> None:
        """Do the acts unless the tenant was changed or deleted meanwhile: a deleted one could not revoke a new key."""
        if not self.items.transact([*acts, *self._requiring(tenant)]):
            raise ConflictError(CHANGED)
        self.changed(tenant)

    def _requiring(self, tenant: str) -> list[Act]:
        if tenant == ADMIN:
            return []
        row = self.tenants.find(tenant)
        if row is None or row.deleted_s is not None:
            raise NotFoundError(f"Tenant not found: {tenant}")
        return [self.tenants.requiring(row)]

    def _mint(self, kind: Kind) -> IssuedKey:
        if kind is Kind.ACCESS_KEY:
            key_id, secret = keyring.new_access_key_id(), keyring.new_secret()
        else:
            secret = keyring.new_admin_key() if kind is Kind.ADMIN_KEY else keyring.new_api_key()
            key_id = keyring.hash_of(secret)
        listed = ListedKey(key_id=key_id, kind=kind, last_four=secret[-4:], created_s=int(self.now_s()))
        return IssuedKey(listed, secret)

    def _adding(self, tenant: str, key: IssuedKey) -> list[Act]:
        key_id, kind = key.listed.key_id, key.listed.kind
        encrypted = self.encryption.encrypt(key.secret, tenant, key_id) if kind is Kind.ACCESS_KEY else b""
        credential = Credential(credential_id=key_id, kind=kind, tenant=tenant, encrypted=encrypted)
        return [self.credentials.adding(credential), self.items.adding(_item(tenant, key.listed))]

    def _ending(self, tenant: str, key: ListedKey, ends_s: int) -> list[Act]:
        ended = dataclasses.replace(key, ends_s=ends_s)
        return [self.credentials.ending(key.key_id, ends_s), self.items.putting(_item(tenant, ended))]


def _item(tenant: str, key: ListedKey) -> Item:
    body: dict[str, Any] = {"kind": key.kind, "last_four": key.last_four, "created_s": key.created_s}
    return Item(partition=keys.tenant_keys(tenant), name=key.key_id, body=body, expires_s=key.ends_s)


def _listed(item: Item) -> ListedKey:
    body = item.body
    return ListedKey(
        key_id=item.name,
        kind=Kind(body["kind"]),
        last_four=body["last_four"],
        created_s=body["created_s"],
        ends_s=item.expires_s,
    )
