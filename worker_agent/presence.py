"""Tells controllers that this worker is there and whether it can start functions; never what it runs.

A caller who waits should hear at once that no worker can help it, instead of waiting in vain. The word expires by
itself, so a worker that dies is forgotten; and a fleet scaled to nothing says nothing, which is not being unable.
"""

import contextlib
import threading

from worker_agent.errors import RedisUnavailableError
from worker_agent.redis_side import RedisSide

EVERY_S = 2.0
#: Three beats: one that is late or lost must not make a worker disappear.
FOR_MS = 6_000


class Presence:
    """The word of one worker, repeated while it lives. Until it is told otherwise it is able."""

    def __init__(self, redis_side: RedisSide) -> None:
        self._redis = redis_side
        self._able = True
        self._changed = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._repeat, name="presence", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell nothing more; the last word expires."""
        self._stopping = True
        self._changed.set()
        self._thread.join()

    def set_able(self, able: bool) -> None:
        """Change the word, and tell it at once."""
        if able is not self._able:
            self._able = able
            self._changed.set()

    def _repeat(self) -> None:
        while not self._stopping:
            self._changed.clear()
            with contextlib.suppress(RedisUnavailableError):  # controllers miss it too, and refuse for that reason
                self._redis.announce(able=self._able, for_ms=FOR_MS)
            self._changed.wait(EVERY_S)
