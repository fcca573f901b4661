"""Reads the logs of a function's latest Invocations, live while they run.

The cursor that a reader gets says which of the latest Invocations it was shown, and how much of those that still ran.
So no Invocation that settles late is missed, and the next request may be served by another process.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib import limits
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.lifecycle import Functions
from chalicelib.invocations.ledger import Ledger, Row
from chalicelib.invocations.polling import poll
from shared_lua.contract import LiveLog

#: How many of a function's latest Invocations are looked at: what is older is not shown any more.
LOOKED_AT = limits.MAX_PAGE
#: How long `follow` waits for something new, and the longest pause between two looks: each is a query of its own.
FOLLOW_S = 20
PAUSE_S = 1.0
#: Of an Invocation that is shown whole.
WHOLE = -1


@dataclass(frozen=True)
class FunctionLog:
    """One Invocation's log: its end when it is settled, what was printed so far while it runs."""

    row: Row
    text: str
    shown: int  #: bytes printed so far, or WHOLE


@dataclass(frozen=True)
class Seen:
    """What there is to show, oldest first, and where the reader stands then."""

    logs: list[FunctionLog]
    cursor: str


@dataclass(frozen=True)
class _Cursor:
    """Where a reader stands: nothing from before `since_us`, and no more of these Invocations than was shown."""

    since_us: int = 0
    shown: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> str:
        text = json.dumps([self.since_us, self.shown], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class FunctionLogs:
    """Logs by function. `live_logs` gives those of Invocations that run."""

    functions: Functions
    ledger: Ledger
    live_logs: Callable[[Sequence[str]], Mapping[str, LiveLog]]
    most_wait_s: int

    def look(self, tenant: str, name: str, follow: str | None, most: int) -> Seen:
        """Give up to `most` logs: the latest ones, or after a cursor what it has not seen, waiting for it a while.

        Raises NotFoundError, InvalidParameterError for a cursor that is none of ours, and UnavailableError.
        """
        cursor = _decoded(follow) if follow else None
        self.functions.get(tenant, name)
        if cursor is None:
            return self._latest(tenant, name, most)
        wait_s = min(FOLLOW_S, self.most_wait_s)
        seen = poll(lambda: self._new(tenant, name, cursor, most), wait_s, PAUSE_S)
        return seen or Seen([], cursor.encode())

    def _latest(self, tenant: str, name: str, most: int) -> Seen:
        rows = self._rows(tenant, name)
        logs = self._logs(rows, {})
        shown = logs[-most:]
        # Nothing older than the first of these comes later, unless all that there was fits.
        since_us = shown[0].row.created_at_us if len(logs) > most else 0
        return _seen(shown, _Cursor(since_us), rows)

    def _new(self, tenant: str, name: str, cursor: _Cursor, most: int) -> Seen | None:
        rows = [row for row in self._rows(tenant, name) if row.created_at_us >= cursor.since_us]
        logs = self._logs(rows, cursor.shown)[:most]
        return _seen(logs, cursor, rows) if logs else None

    def _rows(self, tenant: str, name: str) -> list[Row]:
        return self.ledger.recent(tenant, name, LOOKED_AT)[::-1]

    def _logs(self, rows: list[Row], shown: Mapping[str, int]) -> list[FunctionLog]:
        """Give of each row what was not shown yet."""
        live = self.live_logs([row.invocation_id for row in rows if row.settlement is None])
        logs = [_log(row, live.get(row.invocation_id)) for row in rows]
        return [log for log in logs if log and _is_more(log.shown, shown.get(_short(log.row), 0))]


def _log(row: Row, live: LiveLog | None) -> FunctionLog | None:
    if row.settlement:
        return FunctionLog(row, row.settlement.outcome.log_tail, WHOLE)
    return FunctionLog(row, live.tail, live.total_bytes) if live else None


def _is_more(now: int, before: int) -> bool:
    """Tell whether this much of a log is more than was shown of it."""
    return before != WHOLE and (now == WHOLE or now > before)


def _seen(logs: list[FunctionLog], cursor: _Cursor, rows: list[Row]) -> Seen:
    """Move a cursor on; what is not among the latest Invocations any more needs no remembering."""
    shown = {**cursor.shown, **{_short(log.row): log.shown for log in logs}}
    latest = {_short(row) for row in rows}
    return Seen(logs, _Cursor(cursor.since_us, {id_: n for id_, n in shown.items() if id_ in latest}).encode())


def _short(row: Row) -> str:
    """Give enough of an id to tell the latest Invocations of one function apart: a cursor travels in an address."""
    return row.invocation_id[:13]


def _decoded(word: str) -> _Cursor:
    try:
        data: Any = json.loads(base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError, binascii.Error):
        data = None
    match data:
        case [int(since_us), dict(shown)] if all(isinstance(one, int) for one in shown.values()):
            return _Cursor(since_us, shown)
    raise InvalidParameterError("follow must be a `next` that an earlier answer gave")
