"""The controller's side of Redis: tokens and answers; the only file that knows the client, never a key of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

import redis

from chalicelib.errors import UnavailableError
from shared_lua import keys
from shared_lua.contract import LiveLog, Settlement, decode
from shared_lua.scripts import Ask, Run, Scripts, Verdict

PART = "Redis"


class RedisGate:
    """`quick` is for calls that answer at once; `patient` may be silent for as long as an answer takes."""

    def __init__(self, quick: redis.Redis, patient: redis.Redis) -> None:
        self._quick = quick
        self._patient = patient
        self._scripts = Scripts(quick)

    def admit(self, ask: Ask, run: Run | None = None) -> Verdict:
        """Let a call go, or say why not; raise UnavailableError."""
        with _needing_redis():
            return self._scripts.admit(ask, run)

    def give_back(self, invocation_id: str, tenant: str, function: str) -> None:
        """Free the seats of an Invocation that no lane took, if Redis can be reached; if not, their deadline does."""
        with suppress(UnavailableError), _needing_redis():
            self._scripts.settle(invocation_id, tenant, function, "", 0)

    def tenant_changed(self, tenant: str) -> None:
        """Let nobody go on what is remembered of a tenant's keys and limits; raise UnavailableError."""
        with _needing_redis():
            self._scripts.renew(keys.tenant_generation(tenant))

    def function_changed(self, tenant: str, function: str) -> None:
        """Let nobody go on what is remembered of a function; raise UnavailableError."""
        with _needing_redis():
            self._scripts.renew(keys.function_generation(tenant, function))

    def wait_answer(self, invocation_id: str, wait_s: float) -> Settlement | None:
        """Give the answer as soon as it is there, None when `wait_s` seconds bring none; raise UnavailableError."""
        with _needing_redis():
            popped = self._patient.blpop([keys.answer(invocation_id)], timeout=wait_s)
        if popped is None:
            return None
        [_, text] = cast(list[bytes], popped)
        return decode(Settlement, text.decode())

    def worker_words(self) -> list[str]:
        """Give what the workers that are there say of themselves, each a JSON object; raise UnavailableError."""
        with _needing_redis():
            seconds, micros = self._quick.time()
            now_ms = seconds * 1000 + micros // 1000
            ids = cast(list[bytes], self._quick.zrangebyscore(keys.worker_words(), now_ms, "+inf"))
            words = self._quick.mget([keys.worker_word(one.decode()) for one in ids]) if ids else []
        return [word.decode() for word in cast(list[bytes | None], words) if word]

    def live_logs(self, invocation_ids: Sequence[str]) -> dict[str, LiveLog]:
        """Give what those Invocations that run have printed so far; nothing while Redis cannot be reached."""
        try:
            with _needing_redis():
                texts = self._quick.mget([keys.live_log(id_) for id_ in invocation_ids]) if invocation_ids else []
        except UnavailableError:
            return {}
        pairs = zip(invocation_ids, cast(list[bytes | None], texts), strict=True)
        return {id_: decode(LiveLog, text.decode()) for id_, text in pairs if text is not None}

    def was_answered(self, invocation_id: str) -> bool:
        """Tell whether an answer was given within the last moments; False when Redis cannot say."""
        try:
            with _needing_redis():
                return bool(self._quick.exists(keys.answered(invocation_id)))
        except UnavailableError:
            return False

    def check(self) -> None:
        """Raise UnavailableError unless Redis answers."""
        with _needing_redis():
            self._quick.ping()


@contextmanager
def _needing_redis() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise UnavailableError(PART) from error
