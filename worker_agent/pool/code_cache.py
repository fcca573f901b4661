"""A cache of zips in memory, so that not every cold start reads from S3.

A zip is named by its digest, so a cached one cannot become stale.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future


class CodeCache:
    """At most `most_bytes` of zips; the least recently used is dropped first. `fetch` returns a zip by its digest.

    Safe for threads: one that asks for a zip that is being fetched shares that fetch, with its result or error.
    """

    def __init__(self, fetch: Callable[[str], bytes], most_bytes: int) -> None:
        self._fetch = fetch
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._fetching: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def code(self, sha256: str) -> bytes:
        """Return a zip; raise what `fetch` raises, which is not cached."""
        with self._lock:
            if sha256 in self._kept:
                self._kept.move_to_end(sha256)
                return self._kept[sha256]
            ours = sha256 not in self._fetching
            coming = self._fetching.setdefault(sha256, Future())
        if ours:
            self._fetch_for_all(sha256, coming)
        return coming.result()

    def _fetch_for_all(self, sha256: str, coming: "Future[bytes]") -> None:
        """Fetch a zip, cache it, and pass the result to all threads that wait for it."""
        try:
            data = self._fetch(sha256)
        except BaseException as error:  # noqa: BLE001  (the threads that wait would wait for ever)
            self._fetched(sha256, None)
            coming.set_exception(error)
        else:
            self._fetched(sha256, data)
            coming.set_result(data)

    def _fetched(self, sha256: str, data: bytes | None) -> None:
        """Cache a fetched zip, unless it is larger than the whole cache, and drop others to make room."""
        with self._lock:
            del self._fetching[sha256]
            if data is None or len(data) > self._most_bytes:
                return
            self._kept[sha256] = data
            while sum(map(len, self._kept.values())) > self._most_bytes:
                self._kept.popitem(last=False)
