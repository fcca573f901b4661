"""The worker's adapter of Redis: answers, permits and lanes, heartbeats, live logs, the stream of records."""

import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import ContractError, Held, Invocation, LiveLog, Mode, Provision, Settlement
from shared_lua.reaper import Board
from shared_lua.scripts import Scripts
from worker_agent import log
from worker_agent.errors import RedisUnavailableError

#: How long an answer waits for a caller that has gone; longer than any gateway holds one.
KEEP_MS = 120_000

#: A worker counts as having a Version warm for so long after it ran it or kept it warm; settle.lua has the same.
WARM_MS = 900_000
#: A permit outlives its run by this, as a start comes before the run and the record after it.
PERMIT_GRACE_MS = 30_000


class RedisAdapter:
    """One Redis. Records and bills do not depend on what it holds.

    Of the worker's express lane, capacity for `left` runs is only for new synchronous calls.
    """

    def __init__(self, client: "redis.Redis", patient: "redis.Redis | None" = None, left: int = 0) -> None:
        self._client = client
        self._patient = patient or client  #: may be silent for as long as an express lane is
        self._epoch = ""
        self._scripts = Scripts(client, left)
        self.board = Board(client, self._scripts, _our_errors)  #: the reaper's calls

    def settle(self, invocation: Invocation, settlement: Settlement) -> None:
        """Free the Invocation's permits and answer its caller, once; raise RedisUnavailableError."""
        self._settle(invocation, encode(settlement) if invocation.mode is Mode.SYNC else "")

    def free_permit(self, invocation: Invocation) -> None:
        """Free the Invocation's permits before it has ended, if it has any; raise RedisUnavailableError."""
        self._settle(invocation, "")

    def take_permit(self, invocation: Invocation) -> bool:
        """Take the permit that an Invocation needs to run; False when all are taken; raise RedisUnavailableError."""
        with _our_errors():
            return self._scripts.take_permit(invocation, invocation.version.timeout_s * 1000 + PERMIT_GRACE_MS)

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

    def heartbeat(self, worker: str, *, able: bool, free: int, for_ms: int) -> bool:
        """Tell for a while that this worker lives, whether it can start functions, and its free express capacity.

        `free` counts only where Redis knows nothing of the worker; -1 takes its express lane away. Gives whether Redis
        still has the memory of the first time; raise RedisUnavailableError.
        """
        with _our_errors():
            epoch = self._scripts.heartbeat(worker, for_ms, able=able, free=free, epoch=secrets.token_hex(8))
        self._epoch = self._epoch or epoch
        remembers, self._epoch = epoch == self._epoch, epoch
        return remembers

    def next_express(self, worker: str, wait_s: int) -> str | None:
        """Move the next Invocation of a worker's lane to those in flight; None when `wait_s` bring none."""
        with _our_errors():
            item = self._patient.blmove(keys.lane(worker), keys.in_flight(worker), wait_s, "LEFT", "RIGHT")
        return cast(bytes, item).decode() if item is not None else None

    def settle_express(self, worker: str, invocation: Invocation, item: str, settlement: Settlement) -> str | None:
        """End what a worker has in flight: give the answer, return the capacity and the permits, and keep the record.

        Returns the record's entry in the stream, empty where Redis has lost its memory meanwhile; None when the worker
        was taken for dead, so that this end does not count.
        """
        began = self._epoch
        with _our_errors():
            entry = self._scripts.settle_express(worker, invocation, item, encode(settlement), KEEP_MS)
            if entry:
                return entry
            lost = self._client.get(keys.epoch()) != began.encode()
        return "" if lost else None

    def release(self, worker: str, item: str) -> None:
        """Release what a worker has in flight to the durable lane."""
        with _our_errors():
            self._scripts.release(worker, item)

    def reap(self, worker: str) -> None:
        """Give all that this worker has, on its lane and in flight, to the orphaned Invocations, as it stops."""
        with _our_errors():
            self._scripts.reap(worker, alive=True)

    def borrow_capacity(self, worker: str, wanted: int) -> int:
        """Take free capacity of a worker's express lane, but for what is left to callers; return how much."""
        with _our_errors():
            return self._scripts.borrow_capacity(worker, wanted)

    def return_capacity(self, worker: str, borrowed: int) -> None:
        """Return borrowed capacity; does nothing for a worker that Redis has forgotten."""
        with _our_errors():
            self._scripts.return_capacity(worker, borrowed)

    def left_records(self, older_ms: int, most: int) -> list[tuple[Invocation, Settlement, str]]:
        """Return records that are older, each with its entry in the stream, without those that cannot be read."""
        with _our_errors():
            before = str(self._now_ms() - older_ms)
            found = cast(list[Any], self._client.xrange(keys.records(), "-", before, count=most))
        return [record for entry, kept in found if (record := _record(entry, kept))]

    def forget_records(self, entries: list[str]) -> None:
        """Forget records that are in the ledger."""
        if entries:
            with _our_errors():
                self._client.xdel(keys.records(), *entries)

    def describe(self, worker_id: str, status: str, *, for_ms: int) -> None:
        """Publish for a while what a worker is and does, a JSON object; raise RedisUnavailableError."""
        with _our_errors():
            now_ms = self._now_ms()
            with self._client.pipeline() as together:
                together.set(keys.worker_status(worker_id), status, px=for_ms)
                together.zadd(keys.worker_statuses(), {worker_id: now_ms + for_ms})
                together.zremrangebyscore(keys.worker_statuses(), "-inf", now_ms)
                together.pexpire(keys.worker_statuses(), for_ms)
                together.execute()

    def forget_status(self, worker_id: str) -> None:
        """Remove what a worker published about itself; raise RedisUnavailableError."""
        with _our_errors(), self._client.pipeline() as together:
            together.zrem(keys.worker_statuses(), worker_id)
            together.delete(keys.worker_status(worker_id))
            together.execute()

    def able(self) -> set[str]:
        """Return the workers that can start functions; raise RedisUnavailableError."""
        with _our_errors():
            found = cast(list[bytes], self._client.zrangebyscore(keys.workers(), self._now_ms(), "+inf"))
        return {worker.decode() for worker in found}

    def provisions(self) -> list[Provision]:
        """Return what the fleet is to keep warm, without what cannot be read; raise RedisUnavailableError."""
        with _our_errors():
            found = cast(dict[bytes, bytes], self._client.hgetall(keys.provisions()))
        return [request for _, text in sorted(found.items()) if (request := _provision(text.decode()))]

    def tell_held(self, worker: str, held: Mapping[tuple[str, str, str], Held], for_ms: int) -> None:
        """Publish for a while how much of it this worker has, by version; raise RedisUnavailableError.

        Where one is idle the admission hears of it too, as if it had just been run: so the first call comes here.
        """
        fields = {keys.held_version(*version): encode(one) for version, one in held.items()}
        warm = [keys.warm(version_id) for (_, _, version_id), one in held.items() if one.idle]
        with _our_errors():
            now_ms = self._now_ms()
            with self._client.pipeline() as together:
                together.delete(keys.held(worker))
                if fields:
                    together.hset(keys.held(worker), mapping=fields)  # type: ignore[arg-type]
                    together.pexpire(keys.held(worker), for_ms)
                for workers in warm:
                    together.zadd(workers, {worker: now_ms})
                    together.zremrangebyscore(workers, "-inf", now_ms - WARM_MS)
                    together.pexpire(workers, WARM_MS)
                together.execute()

    def _settle(self, invocation: Invocation, answer: str) -> None:
        version = invocation.version
        with _our_errors():
            self._scripts.settle(invocation.invocation_id, version.tenant, version.function, answer, KEEP_MS)

    def _now_ms(self) -> int:
        """Give Redis's own time: workers' clocks differ."""
        seconds, micros = self._client.time()
        return seconds * 1000 + micros // 1000


def _provision(text: str) -> Provision | None:
    """A newer controller's request that this worker cannot read must not keep it from the others."""
    try:
        return decode(Provision, text)
    except ContractError as error:
        log.warn("unread", f"what is to be kept warm cannot be read: {error}")
        return None


def _record(entry: bytes, kept: Mapping[bytes, bytes]) -> tuple[Invocation, Settlement, str] | None:
    """A newer worker's record that this one cannot read stays for one that can, and stops none of the others."""
    try:
        invocation = decode(Invocation, kept[b"invocation"].decode())
        return invocation, decode(Settlement, kept[b"settlement"].decode()), entry.decode()
    except ContractError as error:
        log.warn("unread", f"a record cannot be read: {error}")
        return None


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise RedisUnavailableError(f"Redis failed: {error}") from error


def connect(url: str, silent_s: float = 5) -> "redis.Redis":
    """Return a client of the Redis at `url`, with time limits that a stuck server cannot outlast."""
    return redis.Redis.from_url(url, socket_timeout=silent_s, socket_connect_timeout=2)
