"""The worker's side of Redis: answers for waiting callers, and word of itself; the only file that imports redis."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import redis

from shared_lua import keys
from shared_lua.contract import Invocation, LiveLog, Mode, Settlement, encode
from shared_lua.scripts import Scripts
from worker_agent.errors import RedisUnavailableError

#: How long an answer waits for a caller that has gone; longer than any gateway holds one.
KEEP_MS = 120_000

#: A seat outlives its run by this, as a start comes before the run and the record after it.
SEAT_GRACE_MS = 30_000


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

    def take_seat(self, invocation: Invocation) -> bool:
        """Take the seat that an Invocation needs to run; False when all are taken; raise RedisUnavailableError."""
        with _our_errors():
            return self._scripts.seat(invocation, invocation.version.timeout_s * 1000 + SEAT_GRACE_MS)

    def show_logs(self, grown: Mapping[str, tuple[LiveLog, int]], over: Collection[str]) -> None:
        """Show what Invocations have printed so far, each for so many ms; forget those that are over.

        Raises RedisUnavailableError.
        """
        with _our_errors(), self._client.pipeline(transaction=False) as together:
            for invocation_id, (log, for_ms) in grown.items():
                together.set(keys.live_log(invocation_id), encode(log), px=for_ms)
            for invocation_id in over:
                together.delete(keys.live_log(invocation_id))
            together.execute()

    def announce(self, worker: str, *, able: bool, for_ms: int) -> None:
        """Tell for a while that this worker can start functions, or take that back; raise RedisUnavailableError."""
        with _our_errors():
            if not able:
                self._client.zrem(keys.workers(), worker)
                return
            now_ms = self._now_ms()
            with self._client.pipeline() as together:
                together.zadd(keys.workers(), {worker: now_ms + for_ms})
                together.zremrangebyscore(keys.workers(), "-inf", now_ms)
                together.pexpire(keys.workers(), for_ms)
                together.execute()

    def describe(self, worker_id: str, word: str, *, for_ms: int) -> None:
        """Tell for a while what a worker is and does, a JSON object; raise RedisUnavailableError."""
        with _our_errors():
            now_ms = self._now_ms()
            with self._client.pipeline() as together:
                together.set(keys.worker_word(worker_id), word, px=for_ms)
                together.zadd(keys.worker_words(), {worker_id: now_ms + for_ms})
                together.zremrangebyscore(keys.worker_words(), "-inf", now_ms)
                together.pexpire(keys.worker_words(), for_ms)
                together.execute()

    def withdraw(self, worker_id: str) -> None:
        """Tell nothing more of a worker; raise RedisUnavailableError."""
        with _our_errors(), self._client.pipeline() as together:
            together.zrem(keys.worker_words(), worker_id)
            together.delete(keys.worker_word(worker_id))
            together.execute()

    def able(self) -> set[str]:
        """Give the workers that say that they can start functions; raise RedisUnavailableError."""
        with _our_errors():
            found = cast(list[bytes], self._client.zrangebyscore(keys.workers(), self._now_ms(), "+inf"))
        return {worker.decode() for worker in found}

    def _now_ms(self) -> int:
        """Give Redis's own time: workers' clocks differ."""
        seconds, micros = self._client.time()
        return seconds * 1000 + micros // 1000


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RedisUnavailableError(f"Redis failed: {error}") from error


def connect(url: str) -> "redis.Redis":
    """Give a client of the Redis at `url`, with time limits that a stuck server cannot outlast."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
