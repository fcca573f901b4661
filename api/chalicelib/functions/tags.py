"""A function's tags: words that its owner puts on it; they mean nothing to Hearth."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from chalicelib import limits
from chalicelib.errors import ConflictError, InvalidParameterError
from chalicelib.storage.items import Item, Items
from shared_lua import keys

MAX_TAGS = 50
MAX_KEY_CHARS = 128
MAX_VALUE_CHARS = 256

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Tags:
    """Tags by function. Whether there is such a function is for the caller to know."""

    items: Items

    def of(self, tenant: str, name: str) -> Labels:
        """Give a function's tags; raise UnavailableError."""
        item = self.items.find(keys.function_items(tenant, name), keys.TAGS)
        return item.body["tags"] if item else {}

    def add(self, tenant: str, name: str, tags: Labels) -> None:
        """Put tags on a function, over those of the same keys; raise InvalidParameterError when one cannot be kept."""
        self.change(tenant, name, tags)

    def remove(self, tenant: str, name: str, tag_keys: Collection[str]) -> None:
        """Take tags off a function; a key that it has not is no error."""
        self.change(tenant, name, dict.fromkeys(tag_keys))

    def change(self, tenant: str, name: str, changes: Mapping[str, str | None]) -> Labels:
        """Put tags on a function and take those off that are None; return what it has then."""
        check({key: value for key, value in changes.items() if value is not None})
        return self._write(tenant, name, lambda present: _with(present, changes))

    def replace(self, tenant: str, name: str, tags: Labels) -> Labels:
        """Give a function these tags in the place of all that it has; return them."""
        return self._write(tenant, name, lambda _: tags)

    def _write(self, tenant: str, name: str, changed: Callable[[Labels], Labels]) -> Labels:
        """Write what `changed` makes of the tags, all of them or nothing; raise ConflictError in a race."""
        partition = keys.function_items(tenant, name)
        present = self.items.find(partition, keys.TAGS)
        tags = changed(present.body["tags"] if present else {})
        check(tags)
        item = Item(partition=partition, name=keys.TAGS, body={"tags": tags})
        if not (self.items.replace(item, present.revision) if present else self.items.add(item)):
            raise ConflictError(f"The tags of {name} were changed by another request meanwhile. Try again.")
        return tags


def _with(present: Labels, changes: Mapping[str, str | None]) -> Labels:
    return {key: value for key, value in {**present, **changes}.items() if value is not None}


def check(tags: Labels) -> None:
    """Raise InvalidParameterError unless all of these can be a function's tags."""
    if len(tags) > MAX_TAGS:
        raise InvalidParameterError(f"A function may have {MAX_TAGS} tags, not {len(tags)}")
    for key, value in tags.items():
        if not key or key.lower().startswith("aws:"):
            raise InvalidParameterError(f"The tag key {key!r} is empty or begins with aws:, which is reserved")
        limits.check_text(f"The tag key {key[:MAX_KEY_CHARS]!r}", key, MAX_KEY_CHARS)
        limits.check_text(f"The value of tag {key!r}", value, MAX_VALUE_CHARS)
