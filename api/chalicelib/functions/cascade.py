"""Removes what belongs to a function (tags, policies, URLs, schedules, …) with it; never the function itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.storage.items import Act, Part, Parts
from shared_lua import keys

#: In the body of a function's part: what stands elsewhere for it and goes with it, as [owner, part] pairs.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Belongings:
    """The one place that knows how a function's parts end; it asks no part of what kind it is."""

    parts: Parts

    def forget_all(self, tenant: str, name: str) -> None:
        """Remove every part of a function, each together with what stands elsewhere for it; raise UnavailableError.

        But for its versions: each counts for its zips, and goes with its counts.
        """
        for part in self.parts.every(keys.function_parts(tenant, name)):
            if not part.part.startswith(keys.VERSION):
                self.parts.transact(self.removing(part))

    def removing_of(self, tenant: str, name: str, qualifier: str) -> list[Act]:
        """Give the acts that remove what belongs to one alias or version of a function; raise UnavailableError.

        A public URL that outlived its alias would serve the next one of this name.
        """
        owner = keys.function_parts(tenant, name)
        found = [self.parts.find(owner, prefix + qualifier) for prefix in keys.QUALIFIED]
        return [act for part in found if part for act in self.removing(part)]

    def removing(self, part: Part) -> list[Act]:
        """Give the acts that remove one part with what stands elsewhere for it."""
        return [self.parts.removing(owner, name) for owner, name in _places(part)]


def _places(part: Part) -> Iterator[tuple[str, str]]:
    yield from ((owner, name) for owner, name in part.body.get(ELSEWHERE, []))
    yield part.owner, part.part
