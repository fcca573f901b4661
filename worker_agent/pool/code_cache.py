"""Keeps the zips that were last asked for in memory, within a limit of bytes, so that not every cold start asks S3.

It never looks into a zip and never changes one: a zip is named by its digest, so what is kept cannot grow old.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future


class CodeCache:
    """At most `most_bytes` of zips, the longest unasked going first. `fetch` gives a zip by its digest.

    For any number of threads: who asks for a zip that is being fetched waits for that fetch, and shares its end.
    """

    def __init__(self, fetch: Callable[[str], bytes], most_bytes: int) -> None:
        self._fetch = fetch
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._fetching: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def code(self, sha256: str) -> bytes:
        """Give a zip; raise what `fetch` raises, which is not kept."""
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
        """Fetch a zip, keep it, and let everybody who waits for it have it."""
        try:
            data = self._fetch(sha256)
        except BaseException as error:  # noqa: BLE001  (whoever waits must hear of it, whatever it is)
            self._fetched(sha256, None)
            coming.set_exception(error)
        else:
            self._fetched(sha256, data)
            coming.set_result(data)

    def _fetched(self, sha256: str, data: bytes | None) -> None:
        """Keep what a fetch gave, unless it is larger than all that may be kept, and make room for it."""
        with self._lock:
            del self._fetching[sha256]
            if data is None or len(data) > self._most_bytes:
                return
            self._kept[sha256] = data
            while sum(map(len, self._kept.values())) > self._most_bytes:
                self._kept.popitem(last=False)
