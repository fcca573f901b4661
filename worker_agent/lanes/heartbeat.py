"""The heartbeat: tells the fleet that this worker lives, whether it can start functions, and its free capacity.

A worker that cannot start a function leaves it to one that can; where none can, the caller is refused at once instead
of waiting in vain. A heartbeat expires by itself, so a worker that dies is forgotten.
"""

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from shared_lua.codec import SCHEMA
from worker_agent.clock import now_us
from worker_agent.errors import RedisUnavailableError
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.threads import Loop

EVERY_S = 1.0
#: A heartbeat lasts for four: a late or lost one must not make a worker disappear. After this its work in flight is
#: requeued.
FOR_MS = 4_000


def new_worker(concurrency: int) -> str:
    """Make a name for a worker, `<id>|<how many Invocations it runs at once>`, by which Redis knows it."""
    return f"{secrets.token_hex(8)}|{concurrency}"


class Heartbeat:
    """The heartbeat of one worker, which counts as able to start functions until `set_able` says otherwise.

    The admission lets no more callers wait than the able workers can serve soon. `about` returns what the operator may
    see of the worker besides, `free` the free capacity of its express lane, -1 if it has none.
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
        """Begin, at once."""
        self._loop.start()

    def stop(self) -> None:
        """End the heartbeat: the worker is no longer able, and the operator no longer sees it."""
        self._loop.stop()
        self._changed.set()
        self._loop.join()
        self._able = False
        self.tell()
        with contextlib.suppress(RedisUnavailableError):
            self._redis.forget_status(self._id)

    def set_able(self, able: bool) -> None:
        """Say whether this worker can start functions; a change is told at once."""
        if able is not self._able:
            self._able = able
            self._changed.set()

    @property
    def worker(self) -> str:
        """The name of this worker."""
        return self._worker

    def able(self) -> set[str]:
        """Return the workers that can start functions; raise RedisUnavailableError."""
        return self._redis.able()

    def others_are_able(self) -> bool:
        """Whether another worker can start functions; raise RedisUnavailableError."""
        return bool(self._redis.able() - {self._worker})

    def _beat(self) -> None:
        self.tell()
        self._changed.wait(EVERY_S)
        self._changed.clear()  # after the wait: a change from here on is told at once, by the next beat

    def tell(self) -> None:
        """Send one heartbeat now."""
        with contextlib.suppress(RedisUnavailableError):  # without Redis no worker could read it either
            self._redis.heartbeat(self._worker, able=self._able, free=self._free(), for_ms=FOR_MS)
            self._redis.describe(self._id, self._status(), for_ms=FOR_MS)

    def _status(self) -> str:
        return json.dumps({**self._itself, "able": self._able, **self._about()})
