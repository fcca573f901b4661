"""The worker's side of Redis: answers for waiting callers, and word of itself; the only file that imports redis."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared_lua import keys
from shared_lua.contract import Invocation, Mode, Settlement, encode
from shared_lua.scripts import Scripts
from worker_agent.errors import RedisUnavailableError

#: How long an answer waits for a caller that has gone; longer than any gateway holds one.
KEEP_MS = 120_000


class RedisSide:
    """One Redis. What it holds for the worker is passing: records and bills do not depend on it."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._scripts = Scripts(client)

    def settle(self, invocation: Invocation, settlement: Settlement) -> None:
        """Free the Invocation's seats and give whoever waits its answer, once; raise RedisUnavailableError."""
        answer = encode(settlement) if invocation.mode is Mode.SYNC else ""
        version = invocation.version
        with _our_errors():
            self._scripts.settle(invocation.invocation_id, version.tenant, version.function, answer, KEEP_MS)

    def announce(self, *, able: bool, for_ms: int) -> None:
        """Tell controllers, for a while, whether this worker can start functions; raise RedisUnavailableError."""
        with _our_errors():
            self._client.set(keys.workers_able() if able else keys.workers_unable(), "1", px=for_ms)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RedisUnavailableError(f"Redis failed: {error}") from error


def connect(url: str) -> "redis.Redis":
    """Give a client of the Redis at `url`, with time limits that a stuck server cannot outlast."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
