"""Tells the other workers whether this one can start functions, and hears it of them; never what it runs.

A worker that cannot start a function leaves it to one that can; where none can, the caller should hear so at once,
instead of waiting in vain. The word expires by itself, so a worker that dies is forgotten.
"""

import contextlib
import secrets
import threading

from worker_agent.errors import RedisUnavailableError
from worker_agent.redis_side import RedisSide

EVERY_S = 2.0
#: Three beats: one that is late or lost must not make a worker disappear.
FOR_MS = 6_000


class Presence:
    """The word of one worker that runs `concurrency` Invocations at once, repeated while it lives.

    Until it is told otherwise it is able. The admission lets no more callers wait than such workers can serve soon.
    """

    def __init__(self, redis_side: RedisSide, concurrency: int) -> None:
        self._redis = redis_side
        self._worker = f"{secrets.token_hex(8)}|{concurrency}"
        self._able = True
        self._changed = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._repeat, name="presence", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Take the word back, and tell nothing more."""
        self._stopping = True
        self._changed.set()
        self._thread.join()
        self._able = False
        self._tell()

    def set_able(self, able: bool) -> None:
        """Change the word, and tell it at once."""
        if able is not self._able:
            self._able = able
            self._changed.set()

    @property
    def worker(self) -> str:
        """What this worker is called among the others."""
        return self._worker

    def able(self) -> set[str]:
        """Give the workers that say that they can start functions; raise RedisUnavailableError."""
        return self._redis.able()

    def others_are_able(self) -> bool:
        """Tell whether another worker says that it can start functions; raise RedisUnavailableError."""
        return bool(self._redis.able() - {self._worker})

    def _repeat(self) -> None:
        while not self._stopping:
            self._changed.clear()
            self._tell()
            self._changed.wait(EVERY_S)

    def _tell(self) -> None:
        with contextlib.suppress(RedisUnavailableError):  # without Redis nobody can hear it either
            self._redis.announce(self._worker, able=self._able, for_ms=FOR_MS)
