"""The worker's side of Redis: answers for waiting callers, and word of itself; the only file that imports redis."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared_lua import keys
from shared_lua.contract import Settlement, encode
from shared_lua.scripts import Scripts
from worker_agent.errors import RedisUnavailableError

#: How long an answer waits for a caller that has gone; longer than any gateway holds one.
KEEP_MS = 120_000


class RedisSide:
    """One Redis. What it holds for the worker is passing: records and bills do not depend on it."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._scripts = Scripts(client)

    def give_answer(self, settlement: Settlement) -> None:
        """Give the answer to whoever waits for it, once; raise RedisUnavailableError."""
        with _our_errors():
            self._scripts.settle(settlement.invocation_id, encode(settlement), KEEP_MS)

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
