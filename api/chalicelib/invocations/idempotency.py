"""What was asked for under an Idempotency-Key, so that it is asked for once; never waits and never runs anything.

One part for each key holds the id of its Invocation. It is stored in one transaction with the ledger row: whoever finds
the part finds the row, or the call that made both is just being refused.
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
#: A worker that has a message settles it soon after the last moment at which it could run. What is still queued after
#: this was recorded by a controller that died before it could queue it.
LOST_AFTER_US = 120_000_000
#: A part that is made and taken back again and again between two looks at it: the caller had better come back.
LOOKS = 5


@dataclass(frozen=True, kw_only=True)
class Once:
    """A key of a caller's, and all that a call under it must have in common with the first."""

    key: str
    mode: Mode
    qualifier: str | None
    event: str
    client_context: str | None

    @property
    def item(self) -> str:
        """The key's name among the parts: keys are callers' own words, and may be secrets."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Digest of what must not differ; lengths keep two fields from passing for one."""
        digest = hashlib.sha256()
        for field in (self.mode.value, self.qualifier, self.client_context, self.event):
            data = b"-" if field is None else field.encode()
            digest.update(b"%d:" % (-1 if field is None else len(data)) + data)
        return digest.hexdigest()


@dataclass(frozen=True)
class First:
    """The Invocation that a key stands for, and the number of the version that runs."""

    invocation_id: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """Invocations by key; each method raises UnavailableError unless it says otherwise."""

    items: Items
    ledger: Ledger
    now_us: Callable[[], int]

    def open(self, once: Once, invocation: Invocation) -> First:
        """Record the Invocation under its key, or find the one that was before; give the one that counts.

        Raises IdempotencyMismatchError when that one is another call's.
        """
        mine = self._item(once, invocation)
        for _ in range(LOOKS):
            if self.items.transact([self.items.adding_anew(mine, self._now_s()), self.ledger.opening(invocation)]):
                return _first(mine)
            first = self.items.find(mine.partition, mine.name)
            if first and (counts := self._of(first, once, mine, invocation)):
                return counts
        raise UnavailableError("The record of Idempotency-Keys")

    def forget(self, once: Once, invocation: Invocation) -> None:
        """Undo `open` for a call that is refused after all, if the tables can be reached; else see LOST_AFTER_US."""
        item = self._item(once, invocation)
        with suppress(UnavailableError):
            self.items.remove(item.partition, item.name)
        self.ledger.forget(invocation.invocation_id)

    def _of(self, first: Item, once: Once, mine: Item, invocation: Invocation) -> First | None:
        """Give what a stored part stands for, ours if it stands for nothing any more; None to look again."""
        if first.body["fingerprint"] != once.fingerprint:
            raise IdempotencyMismatchError
        if not self._is_lost(first):
            return _first(first)
        acts = [self.items.replacing(mine, first.revision), self.ledger.opening(invocation)]
        return _first(mine) if self.items.transact(acts) else None

    def _is_lost(self, first: Item) -> bool:
        """Tell whether what a part points to was never accepted: no row, or one that nobody can have queued."""
        row = self.ledger.find(first.body["invocation_id"])
        is_late = self.now_us() > first.body["start_by_us"] + LOST_AFTER_US
        return row is None or (row.status is Status.QUEUED and is_late)

    def _item(self, once: Once, invocation: Invocation) -> Item:
        version = invocation.version
        return Item(
            partition=keys.idempotency_items(version.tenant, version.function),
            name=once.item,
            body={
                "invocation_id": invocation.invocation_id,
                "version": version.number,
                "fingerprint": once.fingerprint,
                "start_by_us": invocation.start_by_us,
            },
            revision=invocation.invocation_id,
            expires_s=self._now_s() + KEEP_S,
        )

    def _now_s(self) -> int:
        return self.now_us() // 1_000_000


def _first(item: Item) -> First:
    return First(item.body["invocation_id"], item.body["version"])
