"""Gives what dead workers had on their express lanes to the durable lane; never runs anything. Both halves reap.

Each act may be done twice, by two reapers or by one that follows another that died: an Invocation is then recorded
once, sent twice at most, and ends once in the ledger.
"""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import ContractError, Invocation
from shared_lua.rows import KEEP_S
from shared_lua.scripts import Scripts

#: Logs one thing that was found: the action's name, a sentence, and fields.
Warn = Callable[..., None]


class Board:
    """The reaper's calls of Redis. Each raises what the client raises, as `errors` turns it."""

    def __init__(self, client: Any, scripts: Scripts, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._client = client
        self._scripts = scripts
        self._errors = errors

    def dead_workers(self) -> list[str]:
        """Give the workers whose heartbeat has expired and that were not reaped yet."""
        with self._errors():
            seconds, micros = self._client.time()  # Redis's own: hosts' clocks differ
            now_ms = seconds * 1000 + micros // 1000
            return [worker.decode() for worker in self._client.zrangebyscore(keys.living(), "-inf", now_ms)]

    def reap(self, worker: str) -> int:
        """Move all that a dead worker had to the orphaned Invocations; give how many, -1 when it lives."""
        with self._errors():
            return self._scripts.reap(worker)

    def orphaned(self, most: int) -> list[str]:
        """Give up to `most` orphaned Invocations as contract JSON, those that were orphaned first."""
        with self._errors():
            return [item.decode() for item in self._client.lrange(keys.orphaned(), 0, most - 1)]

    def forget_orphaned(self, item: str) -> None:
        """Forget an orphaned Invocation: the durable lane has it."""
        with self._errors():
            self._client.lrem(keys.orphaned(), 1, item)

    def set_aside(self, item: str) -> None:
        """Move an item that cannot be read to where it holds up no other, and where a newer side finds it."""
        with self._errors():
            self._scripts.set_aside(item, KEEP_S * 1000)

    def take_back(self) -> None:
        """Let everything that was set aside be orphaned again."""
        with self._errors():
            while self._client.lmove(keys.unreadable(), keys.orphaned(), "LEFT", "RIGHT"):
                pass


class Ledger(Protocol):
    """What the reaper needs of either half's ledger."""

    def requeue(self, invocation: Invocation) -> bool:
        """Record an orphaned Invocation that has no row yet; False when it has ended, or was never accepted."""


class Lane(Protocol):
    """What the reaper needs of either half's durable lane."""

    def send(self, invocation: Invocation) -> None:
        """Put an Invocation into the lane."""


class Reaper:
    """Looks for dead workers and for what they left, up to `most` Invocations at a time; the others wait their turn.

    `refusals` are errors about an Invocation as such, which trying again does not mend: it is set aside.
    """

    def __init__(  # noqa: PLR0913  (what it reads, where it writes, and what it says)
        self,
        board: Board,
        ledger: Ledger,
        lane: Lane,
        most: int,
        warn: Warn,
        *,
        refusals: tuple[type[Exception], ...] = (),
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._lane = lane
        self._most = most
        self._warn = warn
        self._refusals = refusals
        self._has_taken_back = False

    def look(self) -> int:
        """Reap the dead workers and requeue what is orphaned; give how many Invocations that were.

        Raises what the adapters raise when a part does not answer: all that is left is found by the next look.
        """
        self._take_back()
        for worker in self._board.dead_workers():
            found = self._board.reap(worker)
            if found >= 0:
                self._warn("reaped", f"worker {worker} died with {found} in flight", worker=worker, in_flight=found)
        items = self._board.orphaned(self._most)
        for item in items:
            self._requeue(item)
        return len(items)

    def _take_back(self) -> None:
        """Try once what other sides could not read: this one may be newer."""
        if not self._has_taken_back:
            self._board.take_back()
            self._has_taken_back = True

    def _requeue(self, item: str) -> None:
        """Record, send, forget, in this order: when the reaper dies between two of these, another one goes on.

        It is sent as a later enqueue generation than the dead worker had. So the first Delivery can claim it although
        its row may say that it runs, and an end that the worker should still report is superseded.
        """
        try:
            invocation = decode(Invocation, item)
        except ContractError as error:  # a newer side's, which must not be lost, nor hold up the others
            self._warn("unreadable", f"an orphaned item was set aside: {error}")
            self._board.set_aside(item)
            return
        try:
            self._record_and_send(invocation)
        except self._refusals as error:
            self._warn("refused", f"an orphaned Invocation was set aside: {error}")
            self._board.set_aside(item)
        else:
            self._board.forget_orphaned(item)

    def _record_and_send(self, invocation: Invocation) -> None:
        if self._ledger.requeue(invocation):
            generation = invocation.enqueue_generation + 1
            self._lane.send(dataclasses.replace(invocation, enqueue_generation=generation))
