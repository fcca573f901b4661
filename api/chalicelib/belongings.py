"""Removes what belongs to a function (versions, tags, URLs, schedules, …) with it; never the function itself."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.code_refs import CodeRefs
from chalicelib.parts import Act, Part, Parts
from shared_lua import keys

#: In the body of a function's part: what stands elsewhere for it and goes with it, as [owner, part] pairs.
ELSEWHERE = "elsewhere"
#: In the body of a function's part: how often it names each zip, by digest. It leaves them as it goes.
ZIPS = "zips"


@dataclass(frozen=True)
class Belongings:
    """The one place that knows how a function's parts end; it asks no part of what kind it is."""

    parts: Parts
    refs: CodeRefs
    now_s: Callable[[], int]

    def forget_all(self, tenant: str, name: str) -> None:
        """Remove every part of a function, each together with what stands elsewhere for it; raise UnavailableError."""
        for part in self.parts.every(keys.function_parts(tenant, name)):
            self.parts.transact(self.removing(part))

    def removing(self, part: Part) -> list[Act]:
        """Give the acts that remove one part with what stands elsewhere for it."""
        zips = part.body.get(ZIPS, {})
        # Two may remove a part at once, and what it names may be left only once: the next to be left is another's.
        forget = self.parts.taking if zips else self.parts.removing
        return [
            *(self.parts.removing(owner, name) for owner, name in part.body.get(ELSEWHERE, [])),
            forget(part.owner, part.part),
            *self.refs.moving(zips, {}, self.now_s()),
        ]
