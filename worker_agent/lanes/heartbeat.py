"""Tells whether this worker can start functions, and how much it does, and hears it of others; never what it runs.

A worker that cannot start a function leaves it to one that can; where none can, the caller should hear so at once,
instead of waiting in vain. The word expires by itself, so a worker that dies is forgotten.
"""

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from shared_lua.contract import SCHEMA
from worker_agent.clock import now_us
from worker_agent.errors import RedisUnavailableError
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.threads import Loop

EVERY_S = 1.0
#: Four heartbeats: a late or lost one must not make a worker disappear. After this its work in flight is given away.
FOR_MS = 4_000


def new_worker(concurrency: int) -> str:
    """Give a name for a worker, by which Redis knows it."""
    return f"{secrets.token_hex(8)}|{concurrency}"


class Heartbeat:
    """The word of one worker, `<id>|<how many Invocations it runs at once>`, repeated while it lives.

    Until it is told otherwise it is able. The admission lets no more callers wait than such workers can serve soon.
    `about` gives what the operator may see of it besides, `free` its free express places, -1 without such a lane.
    """

    def __init__(
        self,
        redis_adapter: RedisAdapter,
        worker: str,
        about: Callable[[], Mapping[str, Any]] = dict,
        free: Callable[[], int] = lambda: -1,
    ) -> None:
        self._redis = redis_adapter
        self._id, _, concurrency = worker.partition("|")
        self._worker = worker
        self._about = about
        self._free = free
        self._itself = {
            "id": self._id,
            "host": socket.gethostname(),
            "schema": SCHEMA,
            "since_us": now_us(),
            "concurrency": int(concurrency),
        }
        self._able = True
        self._changed = threading.Event()
        self._loop = Loop("heartbeat", self._beat)

    def start(self) -> None:
        """Begin to tell."""
        self._loop.start()

    def stop(self) -> None:
        """Take the word back, and tell nothing more."""
        self._loop.stop()
        self._changed.set()
        self._loop.join()
        self._able = False
        self.tell()
        with contextlib.suppress(RedisUnavailableError):
            self._redis.forget_status(self._id)

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

    def _beat(self) -> None:
        self.tell()
        self._changed.wait(EVERY_S)
        self._changed.clear()  # after the wait: a change from here on is told at once, by the next beat

    def tell(self) -> None:
        """Tell it now."""
        with contextlib.suppress(RedisUnavailableError):  # without Redis nobody can hear it either
            self._redis.heartbeat(self._worker, able=self._able, free=self._free(), for_ms=FOR_MS)
            self._redis.describe(self._id, self._word(), for_ms=FOR_MS)

    def _word(self) -> str:
        return json.dumps({**self._itself, "able": self._able, **self._about()})
