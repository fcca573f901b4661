"""Provisioned concurrency: keeps this worker's share of the sandboxes that tenants want warm.

The controller publishes in Redis what is to be kept warm. A worker takes its share by its rank among the able workers,
starts what is missing, and publishes how many it holds; the admission prefers workers where a Version is warm. Without
Redis a worker keeps what it last read.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from shared_lua.contract import Held, Provision, Version
from worker_agent import log
from worker_agent.errors import PlatformError
from worker_agent.lanes.heartbeat import Heartbeat
from worker_agent.outage import Outage
from worker_agent.periodic import Periodic
from worker_agent.pool.slots import Key, Pool, PoolFullError, SandboxRequest, Slot, key_of
from worker_agent.runs import outcomes
from worker_agent.sandboxes.sandbox import Sandbox, StartFailed
from worker_agent.stores.redis_adapter import RedisAdapter

EVERY_S = 2.0
#: A function that could not start is left alone for this long: each try costs a start.
RETRY_S = 60.0
#: What a worker publishes expires after this.
FOR_MS = 10_000


class Provisioning:
    """One worker's share. `start` makes a sandbox of a Version; it raises StartFailed or PlatformError.

    `spare` Slots stay free for what is not provisioned: with fewer than run at once, an Invocation would find none.
    When `periodic` stops, the sandboxes stay warm in the pool until that is closed.
    """

    def __init__(  # noqa: PLR0913  (for whom, where and how something is kept warm)
        self,
        *,
        redis_adapter: RedisAdapter,
        heartbeat: Heartbeat,
        pool: Pool,
        start: Callable[[Version, SandboxRequest], Sandbox | Slot],
        spare: int = 1,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis_adapter
        self._heartbeat = heartbeat
        self._pool = pool
        self._start = start
        self._spare = spare
        self._monotonic_s = monotonic_s
        self._kept: dict[Key, Version] = {}
        self._failed: dict[Key, tuple[float, str]] = {}
        outage = Outage("provisioning", "what is provisioned stays as it is")
        self.periodic = Periodic("provisioning", EVERY_S, self.turn, outage)

    def turn(self) -> None:
        """Bring the pool to this worker's share once, and publish the result; raise RedisUnavailableError."""
        wanted = self._share(self._redis.provisions(), self._heartbeat.able())
        for version in [kept for key, kept in self._kept.items() if key not in wanted]:
            self._release(version)
        held = {key: self._keep(version, count) for key, (version, count) in wanted.items()}
        self._redis.tell_held(self._heartbeat.worker, held, FOR_MS)

    def _share(self, requests: Sequence[Provision], workers: set[str]) -> Mapping[Key, tuple[Version, int]]:
        """Return this worker's number of sandboxes by Version: equal shares, the remainder to the first by name."""
        total, versions = Counter[Key](), dict[Key, Version]()
        for request in requests:
            total[key_of(request.version)] += request.wanted
            versions[key_of(request.version)] = request.version
        everyone = sorted(workers | {self._heartbeat.worker})
        rank = everyone.index(self._heartbeat.worker)
        shares = {key: count // len(everyone) + (rank < count % len(everyone)) for key, count in total.items()}
        return {key: (versions[key], share) for key, share in shares.items() if share}

    def _keep(self, version: Version, count: int) -> Held:
        """Keep `count` sandboxes of a Version, or as many as there is room for."""
        key, room = key_of(version), self._pool.room_for(version, self._spare)
        self._pool.provision(version, min(count, room))
        self._kept[key] = version
        reason = self._fill(version, min(count, room))
        if not reason and room < count:
            reason = f"A worker has room for {room} of its {count}."
        held, idle = self._pool.held(version)
        return Held(held=min(held, count), idle=min(idle, count), reason=reason)

    def _release(self, version: Version) -> None:
        self._pool.provision(version, 0)
        del self._kept[key_of(version)]
        self._failed.pop(key_of(version), None)

    def _fill(self, version: Version, count: int) -> str | None:
        """Start what is missing of `count`; return the reason when the function cannot start."""
        until_s, reason = self._failed.get(key_of(version), (0.0, ""))
        if self._monotonic_s() < until_s:
            return reason
        try:
            for _ in range(count - self._pool.held(version)[0]):  # one that dies at once is replaced next time
                if not self.periodic.is_stopping:
                    self._pool.add(version, lambda request: self._start(version, request))
        except StartFailed as failed:
            reason = _said(failed)
            log.warn("not_provisioned", f"{version.arn} cannot be kept warm: {reason}", tenant=version.tenant)
            self._failed[key_of(version)] = (self._monotonic_s() + RETRY_S, reason)
            return reason
        except (PoolFullError, PlatformError):
            return "A worker cannot start it at the moment."  # tried again next time
        self._failed.pop(key_of(version), None)
        return None


def _said(failed: StartFailed) -> str:
    """Return what the function said when it could not start."""
    message = outcomes.message_of(failed.ran.end.payload.decode("utf-8", "replace"))
    return f"The function does not start{f': {message}' if message else f' ({failed.ran.end.how.value}).'}"
