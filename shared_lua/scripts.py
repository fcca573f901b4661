"""Runs the Lua scripts on Redis: one typed method per script, which is the only caller of it.

A script that has a line `-- include lib/<name>` at its head begins with that library's text.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Protocol

from shared_lua import keys
from shared_lua.contract import Invocation


class RedisClient(Protocol):
    """The little of redis-py's client that scripts need; handed in, so that this package needs no library."""

    def register_script(self, script: str) -> Any:
        """Give a callable that runs `script` by its digest and loads it where it is missing."""


#: What is asked does not depend on what is remembered of a tenant.
ANY_CACHE_VERSION = "*"


class Decision(StrEnum):
    """What the admission decides."""

    GO = "go"  #: admitted, by the durable lane
    EXPRESS = "express"  #: admitted: it lies on a worker's express lane already
    WAITS = "waits"  #: admitted: it waits for the next capacity that comes free on an express lane
    ADDRESS = "address"  #: refused: the caller's address has no rate token
    TENANT = "tenant"  #: refused: the tenant has no rate token
    FUNCTION = "function"  #: refused: every permit reserved for the function is taken
    CONCURRENCY = "concurrency"  #: refused: every permit that the tenant's functions share is taken
    FLEET = "fleet"  #: refused: every permit of the fleet is taken, or the tenant holds its fair part
    CREDENTIALS = "credentials"  #: what is remembered of the tenant's keys is stale
    RECORD = "record"  #: what is remembered of the function is stale


@dataclass(frozen=True)
class TokenBucket:
    """A token bucket: the name of its key, its rate in tokens a second, and the most tokens it holds."""

    key: str
    rate_per_s: int
    burst: int

    @property
    def redis_key(self) -> str:
        """The key, with the rate in it: a bucket is stored as a moment, which means other tokens at another rate."""
        return f"{self.key}:{self.rate_per_s}"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What every call asks of the admission: a token of each of these buckets, None where none is due."""

    tenant: str
    address: TokenBucket | None
    bucket: TokenBucket | None  #: the tenant's
    #: of the tenant's keys and limits; empty when nothing is remembered, ANY_CACHE_VERSION not to compare
    cache_version: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """An Invocation that asks for admission."""

    invocation_id: str
    function: str
    cache_version: str  #: of the function, as remembered; empty when nothing is
    permit_ms: int = 0  #: how long its permit lasts at most; 0 when it takes none now
    reserved: int | None = None  #: permits reserved for the function
    shared: int = 0  #: permits that the tenant's other functions share
    version_id: str = ""  #: of the version that is to run
    item: str = ""  #: the Invocation as contract JSON, for the express lane; empty when it must go by the queue
    waiting: int = 0  #: how many may wait behind what the fleet runs at once


@dataclass(frozen=True)
class Verdict:
    """The admission's answer. Limit, remaining and reset are of the tightest limit; `wait_ms` until it may go."""

    decision: Decision
    wait_ms: int = 0
    remaining: int = 0
    limit: int = 0
    reset_ms: int = 0
    keys_cache_version: str = ""
    cache_version: str = ""


def source(name: str) -> str:
    """Give the text of the script `<name>.lua`, its libraries put in, from wherever this package was installed."""
    return re.sub(r"^-- include (\S+)\n", lambda line: _read(line[1]), _read(name), flags=re.MULTILINE)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


class Scripts:
    """The scripts, bound to one Redis client. Each method is one round trip and raises what the client raises.

    `spare` runs' capacity of a worker's express lane stay free for callers: it is neither lent to the durable lane nor
    given to Invocations that wait.
    """

    def __init__(self, client: RedisClient, spare: int = 0) -> None:
        self._spare = spare
        self._admit = client.register_script(source("admit"))
        self._settle = client.register_script(source("settle"))
        self._take_permit = client.register_script(source("permit"))
        self._renew_cache_version = client.register_script(source("renew_cache_version"))
        self._heartbeat = client.register_script(source("heartbeat"))
        self._reap = client.register_script(source("reap"))
        self._set_aside = client.register_script(source("set_aside"))
        self._release = client.register_script(source("release"))
        self._cancel = client.register_script(source("cancel"))
        self._borrow_capacity = client.register_script(source("borrow_capacity"))
        self._return_capacity = client.register_script(source("return_capacity"))

    def admit(self, ask: Ask, run: Run | None = None) -> Verdict:
        """Decide whether a call is admitted: rate tokens first, then for an Invocation a permit and a lane."""
        address, bucket = ask.address, ask.bucket
        where = [
            address.redis_key if address else keys.address_bucket(""),
            bucket.redis_key if bucket else keys.tenant_bucket(ask.tenant),
            keys.tenant_cache_version(ask.tenant),
        ]
        asked = [*_limits(address), *_limits(bucket), ask.cache_version]
        if run:
            where += [keys.function_cache_version(ask.tenant, run.function), *_permits(ask.tenant, run.function)]
            where += [keys.workers(), keys.free_capacity(), keys.warm(run.version_id), keys.lane(""), keys.waiting()]
            reserved = -1 if run.reserved is None else run.reserved
            asked += [run.cache_version, run.invocation_id, run.permit_ms, reserved, run.shared, run.waiting, run.item]
        decision, wait_ms, remaining, limit, reset_ms, *cache_versions = self._admit(keys=where, args=asked)
        return Verdict(
            Decision(decision.decode()), wait_ms, remaining, limit, reset_ms, *(v.decode() for v in cache_versions)
        )

    def settle(self, invocation_id: str, tenant: str, function: str, settlement: str, keep_ms: int) -> bool:
        """Free the Invocation's permits and give the caller its answer, `settlement` (empty when no caller waits).

        False when no caller waits, or the answer had been given before.
        """
        where = [keys.answer(invocation_id), keys.answered(invocation_id), *_permits(tenant, function)]
        given, _ = self._settle(keys=where, args=[invocation_id, settlement, keep_ms])
        return bool(given)

    def settle_express(self, worker: str, invocation: Invocation, item: str, settlement: str, keep_ms: int) -> str:
        """End an Invocation in flight: permits, capacity, answer and record in one; give the record's id in the stream.

        Empty when it was not in flight any more: the worker was taken for dead, and this end does not count.
        """
        invocation_id, version = invocation.invocation_id, invocation.version
        where = [keys.answer(invocation_id), keys.answered(invocation_id), *_permits(version.tenant, version.function)]
        where += [keys.in_flight(worker), keys.free_capacity(), keys.warm(version.version_id), keys.records()]
        where += [keys.waiting(), keys.lane(worker), keys.workers()]
        _, entry = self._settle(keys=where, args=[invocation_id, settlement, keep_ms, worker, item, self._spare])
        return str(entry.decode())

    def set_aside(self, item: str, keep_ms: int) -> None:
        """Move an orphaned item that this side cannot read to where it holds up no other."""
        self._set_aside(keys=[keys.orphaned(), keys.unreadable()], args=[item, keep_ms])

    def release(self, worker: str, item: str) -> bool:
        """Release what a worker has in flight to the durable lane; False when it was not in flight any more."""
        where = [keys.in_flight(worker), keys.orphaned(), keys.free_capacity()]
        return bool(self._release(keys=where, args=[worker, item]))

    def cancel(self, invocation_id: str, item: str) -> bool:
        """Cancel the wait for capacity; False when a worker has the Invocation, or had it."""
        where = [keys.waiting(), keys.fleet_permits(), keys.answered(invocation_id)]
        return bool(self._cancel(keys=where, args=[invocation_id, item]))

    def heartbeat(self, worker: str, for_ms: int, *, able: bool, free: int, epoch: str) -> str:
        """Record that a worker lives; its `free` capacity counts only where Redis has none on record, -1 = no lane.

        Returns the epoch of Redis's memory, `epoch` if it had none.
        """
        where = [keys.living(), keys.workers(), keys.free_capacity(), keys.epoch(), keys.waiting(), keys.lane(worker)]
        return str(self._heartbeat(keys=where, args=[worker, for_ms, int(able), free, epoch, self._spare]).decode())

    def reap(self, worker: str, *, alive: bool = False) -> int:
        """Move all that a dead worker had to the orphaned Invocations; give how many, -1 when it lives.

        With `alive` the worker asks for it itself, as it stops.
        """
        where = [keys.living(), keys.workers(), keys.free_capacity(), keys.lane(worker), keys.in_flight(worker)]
        return int(self._reap(keys=[*where, keys.orphaned()], args=[worker, int(alive)]))

    def borrow_capacity(self, worker: str, wanted: int) -> int:
        """Take free capacity of a worker's express lane for its durable lane; give how much."""
        return int(self._borrow_capacity(keys=[keys.free_capacity()], args=[worker, wanted, self._spare]))

    def return_capacity(self, worker: str, capacity: int) -> None:
        """Give borrowed capacity back, or dispatch waiting Invocations to it."""
        where = [keys.free_capacity(), keys.waiting(), keys.lane(worker), keys.workers()]
        self._return_capacity(keys=where, args=[worker, capacity, self._spare])

    def take_permit(self, invocation: Invocation, permit_ms: int) -> bool:
        """Take a permit for an Invocation that needs one to run; False when all are taken."""
        assert invocation.permits, "an Invocation without permits was given one at admission"  # noqa: S101
        version = invocation.version
        shared = keys.tenant_permits(version.tenant)
        where = keys.function_permits(version.tenant, version.function) if invocation.permits.reserved else shared
        return bool(
            self._take_permit(keys=[where], args=[invocation.invocation_id, invocation.permits.limit, permit_ms])
        )

    def renew_cache_version(self, cache_version: str) -> None:
        """Make the cache version under this key a higher one."""
        self._renew_cache_version(keys=[cache_version])


def _limits(bucket: TokenBucket | None) -> list[int]:
    return [bucket.rate_per_s, bucket.burst] if bucket else [0, 0]


def _permits(tenant: str, function: str) -> list[str]:
    own = [keys.function_permits(tenant, function), keys.tenant_permits(tenant), keys.tenant_fleet_permits(tenant)]
    return [*own, keys.fleet_permits()]
