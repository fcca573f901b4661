"""Sends what several threads ask of Redis at the same time in one round trip; it knows no script by what it does.

A thread that finds no round trip under way makes one. Who comes meanwhile waits, and one of them makes the next for all
of them. Alone, a caller pays some 3 µs for it; of two hundred at once each would give up and take back Python's lock
for every step of its own round trip, which cost more than all the rest of a refusal.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

#: How many go in one round trip: the first of them waits for the last one's answer.
MOST = 32


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class _Asked:
    """One call of a script. It is woken by its reply, or because the next round trip is its to make."""

    script: Any
    keys: Sequence[str]
    args: Sequence[Any]
    reply: Any = None  #: or the exception that is to be raised
    is_done: bool = False
    woken: threading.Lock = field(default_factory=_locked)

    def answer(self, reply: Any) -> None:
        self.reply, self.is_done = reply, True
        self.woken.release()


class Coalescer:
    """Stands for a Redis client where scripts are registered; a script's call raises what the client raises."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._under_way = False
        self._waiting: list[_Asked] = []

    def register_script(self, text: str) -> Callable[..., Any]:
        """Give a callable that runs this script, with others' if they come at the same time."""
        script = self._client.register_script(text)
        return lambda keys=(), args=(): self._ask(_Asked(script, keys, args))

    def _ask(self, asked: _Asked) -> Any:
        with self._lock:
            self._waiting.append(asked)
            is_first, self._under_way = not self._under_way, True
        if not is_first:
            asked.woken.acquire()
        if not asked.is_done:
            self._make_round_trip()
            asked.woken.acquire()
        if isinstance(asked.reply, redis.exceptions.NoScriptError):
            return asked.script(keys=asked.keys, args=asked.args)  # which loads it first
        if isinstance(asked.reply, BaseException):
            raise asked.reply
        return asked.reply

    def _make_round_trip(self) -> None:
        """Send what waits, the oldest first, and have the next who waits make the next round trip."""
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            replies = self._send(batch)
        except BaseException as error:  # noqa: BLE001  (it is raised where somebody waits for a reply)
            replies = [error] * len(batch)
        with self._lock:
            self._under_way = bool(self._waiting)
            if self._waiting:
                self._waiting[0].woken.release()
        for asked, reply in zip(batch, replies, strict=True):
            asked.answer(reply)

    def _send(self, batch: Sequence[_Asked]) -> list[Any]:
        if len(batch) == 1:
            return [asked.script(keys=asked.keys, args=asked.args) for asked in batch]
        with self._client.pipeline(transaction=False) as pipe:
            for asked in batch:
                pipe.evalsha(asked.script.sha, len(asked.keys), *asked.keys, *asked.args)
            return list(pipe.execute(raise_on_error=False))
