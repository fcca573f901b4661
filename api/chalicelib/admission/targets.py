"""What an Invocation of a function gets, remembered for as long as the function's cache_version stays; never stale."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from chalicelib.errors import NotFoundError
from chalicelib.functions.event_invoke import EventInvoke
from chalicelib.functions.routing import Route

#: A cache_version that could not be made new, as Redis failed after a write, is outlived by no memory of this age.
REMEMBER_S = 60.0
#: Beyond this many the memory starts afresh.
MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class Known:
    """Where a name and qualifier led at a cache_version; nowhere when there was no such function then."""

    cache_version: str
    route: Route | None
    until_s: float


class Targets:
    """Functions by tenant, name and qualifier. `look_up` reads one; it raises NotFoundError.

    `configured` reads what is done about a function's Invocations that nobody waits for. `aside` is where a call waits
    for its turn to read, and is while it reads.
    """

    def __init__(
        self,
        look_up: Callable[[str, str, str | None], Route],
        configured: Callable[[str, str, str | None], EventInvoke],
        monotonic_s: Callable[[], float],
        aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._look_up = look_up
        self._configured = configured
        self._monotonic_s = monotonic_s
        self._aside = aside
        self._remembered: dict[tuple[str, str, str | None], Known] = {}
        self._event_invokes: dict[tuple[str, str, str | None], tuple[Known, EventInvoke]] = {}

    def remembered(self, tenant: str, name: str, qualifier: str | None) -> Known | None:
        """Give what is remembered, whether it still counts or not; asks nobody."""
        known = self._remembered.get((tenant, name, qualifier))
        return known if known and self._monotonic_s() < known.until_s else None

    def read(self, tenant: str, name: str, qualifier: str | None) -> Route | None:
        """Read the route, None when there is no such function; raise UnavailableError."""
        try:
            return self._look_up(tenant, name, qualifier)
        except NotFoundError:
            return None

    def learn(self, tenant: str, name: str, qualifier: str | None, cache_version: str) -> Known:
        """Read the route and remember it under the cache_version, which was asked for before; raise UnavailableError.

        What changes after the cache_version was asked for has another one, so this memory will not count then. What
        another call has learnt under it while this one waited for its turn is not read again.
        """
        with self._aside():
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
        """Give what is configured, remembered for as long as what is `known` of the function; raise UnavailableError.

        It changes under the function's cache_version, so that it needs none of its own.
        """
        place = tenant, name, qualifier
        kept = self._event_invokes.get(place)
        if kept and kept[0] is known:
            return kept[1]
        configured = self._configured(tenant, name, qualifier)
        if known:
            self._event_invokes[place] = known, configured
        return configured
