"""Remembers where functions' names lead, for as long as their cache versions stay the same."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.errors import NotFoundError
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.functions.routing import Route
from chalicelib.storage.throttle import ThrottleByKey

#: Bounds how long a process may use what is stale, when Redis failed after a write and the cache version stayed.
REMEMBER_S = 60.0
#: Beyond this many the memory is emptied.
MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class Known:
    """Where a name and qualifier led at a cache version; `route` is None when there was no such function then."""

    cache_version: str
    route: Route | None
    until_s: float


class Targets:
    """Functions by tenant, name and qualifier. `look_up` reads one; it raises NotFoundError.

    `configured` reads the event-invoke configuration. Calls that ask for the same function at the same time read it one
    after the other, so that all but the first find it remembered.
    """

    def __init__(
        self,
        look_up: Callable[[str, str, str | None], Route],
        configured: Callable[[str, str, str | None], EventInvoke],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._look_up = look_up
        self._configured = configured
        self._monotonic_s = monotonic_s
        self._reads = ThrottleByKey()
        self._remembered: dict[tuple[str, str, str | None], Known] = {}
        self._event_invokes: dict[tuple[str, str, str | None], tuple[Known, EventInvoke]] = {}

    def remembered(self, tenant: str, name: str, qualifier: str | None) -> Known | None:
        """Give what is remembered, whether its cache version is current or not, without any I/O."""
        known = self._remembered.get((tenant, name, qualifier))
        return known if known and self._monotonic_s() < known.until_s else None

    def read(self, tenant: str, name: str, qualifier: str | None) -> Route | None:
        """Read the route, None when there is no such function; raise UnavailableError."""
        try:
            return self._look_up(tenant, name, qualifier)
        except NotFoundError:
            return None

    def learn(self, tenant: str, name: str, qualifier: str | None, cache_version: str) -> Known:
        """Read the route and remember it under the cache version, which was read before; raise UnavailableError.

        A change after the cache version was read makes a new one, so the memory is stale then. What another call has
        read under the same cache version, while this one waited for it, is not read again.
        """
        with self._reads.taken((tenant, name, qualifier)):
            known = self.remembered(tenant, name, qualifier)
            if known is None or not cache_version or known.cache_version != cache_version:
                known = self._learn(tenant, name, qualifier, cache_version)
        return known

    def _learn(self, tenant: str, name: str, qualifier: str | None, cache_version: str) -> Known:
        known = Known(cache_version, self.read(tenant, name, qualifier), self._monotonic_s() + REMEMBER_S)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
            self._event_invokes.clear()
        self._remembered[tenant, name, qualifier] = known
        return known

    def event_invoke(self, tenant: str, name: str, qualifier: str | None, known: Known | None) -> EventInvoke:
        """Give the event-invoke configuration, remembered as long as `known` is; raise UnavailableError.

        A change of it renews the function's cache version, so it needs none of its own.
        """
        key = tenant, name, qualifier
        kept = self._event_invokes.get(key)
        if kept and kept[0] is known:
            return kept[1]
        configured = self._configured(tenant, name, qualifier)
        if known:
            self._event_invokes[key] = known, configured
        return configured
