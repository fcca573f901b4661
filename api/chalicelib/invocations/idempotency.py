"""Remembers what was asked for under an Idempotency-Key, so that it runs once.

One item for each key holds the id of its Invocation. The item and the ledger's row are stored in one transaction: a
call that finds the item finds the row, or the call that stored both is being refused at this moment.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.errors import IdempotencyMismatchError, UnavailableError
from chalicelib.invocations.ledger import Ledger
from chalicelib.storage.items import Item, Items
from shared_lua import keys
from shared_lua.contract import Invocation, Mode, Status

#: How long a key stands for its first call.
KEEP_S = 24 * 3600
#: A worker that has a message settles it soon after the last moment at which it could start. An Invocation that is
#: still queued so long after that was recorded by a controller that died before it enqueued it.
LOST_AFTER_US = 120_000_000
#: How often a key is looked at, when its item is stored and removed again and again meanwhile.
MOST_LOOKS = 5


@dataclass(frozen=True, kw_only=True)
class IdempotentCall:
    """A key, and all that a call under it must have in common with the first."""

    key: str
    mode: Mode
    qualifier: str | None
    event: str
    client_context: str | None

    @property
    def item_name(self) -> str:
        """The name of the key's item: a digest, as callers choose their keys and may put secrets into them."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """A digest of what must not differ. The lengths are in it, so that no two fields can pass for one."""
        digest = hashlib.sha256()
        for field in (self.mode.value, self.qualifier, self.client_context, self.event):
            data = b"-" if field is None else field.encode()
            digest.update(b"%d:" % (-1 if field is None else len(data)) + data)
        return digest.hexdigest()


@dataclass(frozen=True)
class KeyHolder:
    """The Invocation that a key stands for, and the number of the version that runs."""

    invocation_id: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """Invocations by key; each method raises UnavailableError unless it says otherwise."""

    items: Items
    ledger: Ledger
    now_us: Callable[[], int]

    def open(self, call: IdempotentCall, invocation: Invocation) -> KeyHolder:
        """Record the Invocation under its key, unless the key has one already; give the one that the key stands for.

        Raises IdempotencyMismatchError when the key was used for another request.
        """
        mine = self._item(call, invocation)
        for _ in range(MOST_LOOKS):
            if self.items.transact([self.items.adding_anew(mine, self._now_s()), self.ledger.opening(invocation)]):
                return _holder(mine)
            stored = self.items.find(mine.partition, mine.name)
            if stored and (holder := self._holder_of(stored, call, mine, invocation)):
                return holder
        raise UnavailableError("The record of Idempotency-Keys")

    def forget(self, call: IdempotentCall, invocation: Invocation) -> None:
        """Undo `open` for a call that is refused after all. When the tables cannot be reached, LOST_AFTER_US does."""
        item = self._item(call, invocation)
        with suppress(UnavailableError):
            self.items.remove(item.partition, item.name)
        self.ledger.forget(invocation.invocation_id)

    def _holder_of(self, stored: Item, call: IdempotentCall, mine: Item, invocation: Invocation) -> KeyHolder | None:
        """Give the Invocation of a stored item, or store ours over one that is lost; None to look again."""
        if stored.body["fingerprint"] != call.fingerprint:
            raise IdempotencyMismatchError
        if not self._is_lost(stored):
            return _holder(stored)
        acts = [self.items.replacing(mine, stored.revision), self.ledger.opening(invocation)]
        return _holder(mine) if self.items.transact(acts) else None

    def _is_lost(self, stored: Item) -> bool:
        """Tell whether the Invocation was never accepted: it has no row, or one that has been queued for too long."""
        row = self.ledger.find(stored.body["invocation_id"])
        is_late = self.now_us() > stored.body["start_by_us"] + LOST_AFTER_US
        return row is None or (row.status is Status.QUEUED and is_late)

    def _item(self, call: IdempotentCall, invocation: Invocation) -> Item:
        version = invocation.version
        return Item(
            partition=keys.idempotency_items(version.tenant, version.function),
            name=call.item_name,
            body={
                "invocation_id": invocation.invocation_id,
                "version": version.number,
                "fingerprint": call.fingerprint,
                "start_by_us": invocation.start_by_us,
            },
            revision=invocation.invocation_id,
            expires_s=self._now_s() + KEEP_S,
        )

    def _now_s(self) -> int:
        return self.now_us() // 1_000_000


def _holder(item: Item) -> KeyHolder:
    return KeyHolder(item.body["invocation_id"], item.body["version"])
