"""Removes what belongs to a function (tags, policies, URLs, schedules, …) with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.storage.items import Act, Item, Items
from shared_lua import keys

#: In the body of a function's part: what stands elsewhere for it and goes with it, as [owner, part] pairs.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Cascade:
    """Removes a function's items, whatever their kind."""

    items: Items

    def forget_all(self, tenant: str, name: str) -> None:
        """Remove every part of a function, each together with what stands elsewhere for it; raise UnavailableError.

        But for its versions: each counts for its zips, and goes with its counts.
        """
        for item in self.items.every(keys.function_items(tenant, name)):
            if not item.name.startswith(keys.VERSION):
                self.items.transact(self.removing(item))

    def removing_of(self, tenant: str, name: str, qualifier: str) -> list[Act]:
        """Give the acts that remove what belongs to one alias or version of a function; raise UnavailableError.

        A public URL that outlived its alias would serve the next one of this name.
        """
        partition = keys.function_items(tenant, name)
        found = [self.items.find(partition, prefix + qualifier) for prefix in keys.QUALIFIED]
        return [act for item in found if item for act in self.removing(item)]

    def removing(self, item: Item) -> list[Act]:
        """Give the acts that remove one part with what stands elsewhere for it."""
        return [self.items.removing(partition, name) for partition, name in _places(item)]


def _places(item: Item) -> Iterator[tuple[str, str]]:
    yield from ((partition, name) for partition, name in item.body.get(ELSEWHERE, []))
    yield item.partition, item.name
