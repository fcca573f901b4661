"""Sends the script calls of several threads to Redis in one round trip.

A thread that finds no round trip under way makes one. Threads that come meanwhile wait, and the first of them makes the
next one for all of them. A single caller pays some 3 µs for it. Two hundred at once would each give up and take back
Python's lock for every step of a round trip of their own, which cost more than all the rest of a refusal.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

#: How many calls go in one round trip at most: the first of them waits for the answer to the last.
MOST = 32


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class _ScriptCall:
    """One call of a script. Its thread is woken by the reply, or to make the next round trip."""

    script: Any
    keys: Sequence[str]
    args: Sequence[Any]
    reply: Any = None  #: or the exception to raise
    is_done: bool = False
    woken: threading.Lock = field(default_factory=_locked)

    def answer(self, reply: Any) -> None:
        self.reply, self.is_done = reply, True
        self.woken.release()


class Coalescer:
    """Stands for a Redis client, as far as scripts go. A script's call raises what the client raises."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._under_way = False
        self._waiting: list[_ScriptCall] = []

    def register_script(self, text: str) -> Callable[..., Any]:
        """Give a callable that runs this script, in one round trip with others of the same moment."""
        script = self._client.register_script(text)
        return lambda keys=(), args=(): self._ask(_ScriptCall(script, keys, args))

    def _ask(self, call: _ScriptCall) -> Any:
        with self._lock:
            self._waiting.append(call)
            is_first, self._under_way = not self._under_way, True
        if not is_first:
            call.woken.acquire()
        if not call.is_done:
            self._make_round_trip()
            call.woken.acquire()
        if isinstance(call.reply, redis.exceptions.NoScriptError):
            return call.script(keys=call.keys, args=call.args)  # which loads it first
        if isinstance(call.reply, BaseException):
            raise call.reply
        return call.reply

    def _make_round_trip(self) -> None:
        """Send the calls that wait, the oldest first, and let the next thread that waits make the next round trip."""
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            replies = self._send(batch)
        except BaseException as error:  # noqa: BLE001  (it is raised in the threads that wait for a reply)
            replies = [error] * len(batch)
        with self._lock:
            self._under_way = bool(self._waiting)
            if self._waiting:
                self._waiting[0].woken.release()
        for call, reply in zip(batch, replies, strict=True):
            call.answer(reply)

    def _send(self, batch: Sequence[_ScriptCall]) -> list[Any]:
        if len(batch) == 1:
            return [call.script(keys=call.keys, args=call.args) for call in batch]
        with self._client.pipeline(transaction=False) as pipe:
            for call in batch:
                pipe.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
            return list(pipe.execute(raise_on_error=False))
