"""The worker's side of Redis: answers for waiting callers, and word of itself; the only file that imports redis."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import redis

from shared_lua import keys
from shared_lua.contract import ContractError, Held, Invocation, Mode, Provision, Settlement, decode, encode
from shared_lua.scripts import Scripts
from worker_agent import log
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

    def able(self) -> set[str]:
        """Give the workers that say that they can start functions; raise RedisUnavailableError."""
        with _our_errors():
            found = cast(list[bytes], self._client.zrangebyscore(keys.workers(), self._now_ms(), "+inf"))
        return {worker.decode() for worker in found}

    def provisions(self) -> list[Provision]:
        """Give what the fleet is to keep warm, without what cannot be read; raise RedisUnavailableError."""
        with _our_errors():
            found = cast(dict[bytes, bytes], self._client.hgetall(keys.provisions()))
        return [wish for _, text in sorted(found.items()) if (wish := _provision(text.decode()))]

    def tell_held(self, worker: str, held: Mapping[tuple[str, str, str], Held], for_ms: int) -> None:
        """Tell for a while how much of it this worker has, by version; raise RedisUnavailableError."""
        fields = {keys.held_version(*version): encode(one) for version, one in held.items()}
        with _our_errors(), self._client.pipeline() as together:
            together.delete(keys.held(worker))
            if fields:
                together.hset(keys.held(worker), mapping=fields)  # type: ignore[arg-type]
                together.pexpire(keys.held(worker), for_ms)
            together.execute()

    def _now_ms(self) -> int:
        """Give Redis's own time: workers' clocks differ."""
        seconds, micros = self._client.time()
        return seconds * 1000 + micros // 1000


def _provision(text: str) -> Provision | None:
    """A newer controller's wish that this worker cannot read must not keep it from the others."""
    try:
        return decode(Provision, text)
    except ContractError as error:
        log.warn("unread", f"what is to be kept warm cannot be read: {error}")
        return None


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RedisUnavailableError(f"Redis failed: {error}") from error


def connect(url: str) -> "redis.Redis":
    """Give a client of the Redis at `url`, with time limits that a stuck server cannot outlast."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
