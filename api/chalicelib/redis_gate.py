"""The controller's side of Redis: tokens and answers; the only file that knows the client, never a key of its own."""

from typing import cast

import redis

from chalicelib.errors import UnavailableError
from shared_lua import keys
from shared_lua.contract import Settlement, decode
from shared_lua.scripts import Bucket, Scripts, Verdict

PART = "Redis"


class RedisGate:
    """`quick` is for calls that answer at once; `patient` may be silent for as long as an answer takes."""

    def __init__(self, quick: redis.Redis, patient: redis.Redis) -> None:
        self._quick = quick
        self._patient = patient
        self._scripts = Scripts(quick)

    def admit(self, buckets: list[Bucket]) -> Verdict:
        """Take one token from every bucket, or from none of them; raise UnavailableError."""
        try:
            return self._scripts.admit(buckets)
        except redis.RedisError as error:
            raise UnavailableError(PART) from error

    def wait_answer(self, invocation_id: str, wait_s: float) -> Settlement | None:
        """Give the answer as soon as it is there, None when `wait_s` seconds bring none; raise UnavailableError."""
        try:
            popped = self._patient.blpop([keys.answer(invocation_id)], timeout=wait_s)
        except redis.RedisError as error:
            raise UnavailableError(PART) from error
        if popped is None:
            return None
        [_, text] = cast(list[bytes], popped)
        return decode(Settlement, text.decode())

    def workers_are_unable(self) -> bool:
        """Tell whether workers say that they cannot start functions and none says that it can; raise UnavailableError.

        A fleet that says nothing is not unable: it may be scaled to nothing, and grow when work waits.
        """
        try:
            able, unable = cast(list[bytes | None], self._quick.mget(keys.workers_able(), keys.workers_unable()))
        except redis.RedisError as error:
            raise UnavailableError(PART) from error
        return able is None and unable is not None

    def check(self) -> None:
        """Raise UnavailableError unless Redis answers."""
        try:
            self._quick.ping()
        except redis.RedisError as error:
            raise UnavailableError(PART) from error
