"""The controller's side of Redis. shared_lua.keys spells every key."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import redis

from chalicelib.errors import UnavailableError
from chalicelib.storage.coalescer import Coalescer
from chalicelib.storage.throttle import Throttle
from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Held, Invocation, LiveLog, Settlement, Version
from shared_lua.reaper import Board
from shared_lua.scripts import Ask, Run, Scripts, Verdict

PART = "Redis"


class RedisAdapter:
    """`quick` is for calls that answer at once; `patient` may be silent for as long as an answer takes.

    `admissions` throttles what is on its way to the admission, and nothing else: a call that waits for its function's
    answer has left it.
    """

    def __init__(self, quick: redis.Redis, patient: redis.Redis, admissions: Throttle) -> None:
        self._quick = quick
        self._patient = patient
        self._admissions = admissions
        self._scripts = Scripts(Coalescer(quick))
        self.board = Board(quick, self._scripts, _needing_redis)  #: the reaper's calls

    def admit(self, ask: Ask, run: Run | None = None) -> Verdict:
        """Admit a call or refuse it, in the order in which calls come; raise UnavailableError."""
        with self._admissions.taken(), _needing_redis():
            return self._scripts.admit(ask, run)

    def free_permits(self, invocation_id: str, tenant: str, function: str) -> None:
        """Free the permits of an Invocation that was not enqueued. When Redis is down, their deadline does."""
        with suppress(UnavailableError), _needing_redis():
            self._scripts.settle(invocation_id, tenant, function, "", 0)

    def tenant_changed(self, tenant: str) -> None:
        """Make stale what processes remember of a tenant's keys and limits; raise UnavailableError."""
        with _needing_redis():
            self._scripts.renew_cache_version(keys.tenant_cache_version(tenant))

    def function_changed(self, tenant: str, function: str) -> None:
        """Make stale what processes remember of a function; raise UnavailableError."""
        with _needing_redis():
            self._scripts.renew_cache_version(keys.function_cache_version(tenant, function))

    def provisions(self, prefix: str) -> set[str]:
        """Give the published provisioned fields that begin with `prefix`; raise UnavailableError."""
        with _needing_redis():
            found = cast(list[bytes], self._quick.hkeys(keys.provisions()))
        return {field for one in found if (field := one.decode()).startswith(prefix)}

    def publish_provisions(self, fields: Mapping[str, str], gone: Collection[str]) -> None:
        """Publish what workers are to keep warm, and remove what they are not to any more; raise UnavailableError."""
        with _needing_redis():
            if fields:
                self._quick.hset(keys.provisions(), mapping=dict(fields))  # type: ignore[arg-type]
            if gone:
                self._quick.hdel(keys.provisions(), *gone)

    def held(self, version: Version) -> list[Held]:
        """Give what each live worker reports to keep warm of a version; raise UnavailableError."""
        field = keys.held_version(version.tenant, version.function, version.version_id)
        with _needing_redis():
            workers = cast(list[bytes], self._quick.zrangebyscore(keys.workers(), self._now_ms(), "+inf"))
            with self._quick.pipeline(transaction=False) as pipe:
                for worker in workers:
                    pipe.hget(keys.held(worker.decode()), field)
                reports = pipe.execute()
        return [decode(Held, text.decode()) for text in reports if text]

    def wait_answer(self, invocation_id: str, wait_s: float) -> Settlement | None:
        """Wait up to `wait_s` seconds for the answer; None when it does not come. Raises UnavailableError."""
        with _needing_redis():
            popped = self._patient.blpop([keys.answer(invocation_id)], timeout=wait_s)
        if popped is None:
            return None
        [_, text] = cast(list[bytes], popped)
        return decode(Settlement, text.decode())

    def cancel(self, invocation_id: str, item: str) -> bool:
        """Take back an Invocation that waits for capacity; False when a worker has it, or had it.

        `item` is the Invocation as contract JSON. Raises UnavailableError.
        """
        with _needing_redis():
            return self._scripts.cancel(invocation_id, item)

    def worker_statuses(self) -> list[str]:
        """Give the status reports of the live workers, each a JSON object; raise UnavailableError."""
        with _needing_redis():
            ids = cast(list[bytes], self._quick.zrangebyscore(keys.worker_statuses(), self._now_ms(), "+inf"))
            reports = self._quick.mget([keys.worker_status(one.decode()) for one in ids]) if ids else []
        return [report.decode() for report in cast(list[bytes | None], reports) if report]

    def live_logs(self, invocation_ids: Sequence[str]) -> dict[str, LiveLog]:
        """Give what running Invocations have printed so far, by id; nothing while Redis cannot be reached."""
        try:
            with _needing_redis():
                texts = self._quick.mget([keys.live_log(id_) for id_ in invocation_ids]) if invocation_ids else []
        except UnavailableError:
            return {}
        pairs = zip(invocation_ids, cast(list[bytes | None], texts), strict=True)
        return {id_: decode(LiveLog, text.decode()) for id_, text in pairs if text is not None}

    def record_coming(self, invocation_id: str) -> tuple[Invocation, Settlement] | None:
        """Give the end of an Invocation whose record is not in the ledger yet; None also when Redis cannot say."""
        try:
            with _needing_redis():
                entry = cast(bytes | None, self._quick.get(keys.answered(invocation_id)))
                found = cast(list[Any], self._quick.xrange(keys.records(), entry, entry)) if entry else []
        except UnavailableError:
            return None
        kept = found[0][1] if found else None
        return kept and (
            decode(Invocation, kept[b"invocation"].decode()),
            decode(Settlement, kept[b"settlement"].decode()),
        )

    def check(self) -> None:
        """Raise UnavailableError unless Redis answers."""
        with _needing_redis():
            self._quick.ping()

    def _now_ms(self) -> int:
        """Give Redis's own time: the controllers' clocks differ from the workers'."""
        seconds, micros = self._quick.time()
        return seconds * 1000 + micros // 1000


@contextmanager
def _needing_redis() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise UnavailableError(PART) from error
