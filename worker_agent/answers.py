"""Gives waiting callers their answers through Redis; the only file of the agent that imports redis."""

import redis

from shared_lua.contract import Settlement, encode
from shared_lua.scripts import Scripts
from worker_agent.errors import RedisUnavailableError

#: How long an answer waits for a caller that has gone; longer than any gateway holds one.
KEEP_MS = 120_000


class Answers:
    """Where synchronous callers wait."""

    def __init__(self, client: "redis.Redis") -> None:
        self._scripts = Scripts(client)

    def give(self, settlement: Settlement) -> None:
        """Give the answer to whoever waits for it, once."""
        try:
            self._scripts.settle(settlement.invocation_id, encode(settlement), KEEP_MS)
        except redis.RedisError as error:
            raise RedisUnavailableError(f"Redis did not take an answer: {error}") from error


def connect(url: str) -> "redis.Redis":
    """Give a client of the Redis at `url`, with time limits that a stuck server cannot outlast."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
