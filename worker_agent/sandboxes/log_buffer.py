"""The log of one Invocation, in bounded memory: its last bytes and a count of all of them."""

import re

from shared_lua.contract import LiveLog

_LONE_RETURN = re.compile(r"\r(?!\n)")
#: The log tail that Lambda returns.
TAIL_BYTES = 4096
#: The part of a log that is shown while its function runs.
LIVE_BYTES = 16 * 1024


class LogBuffer:
    """The log of the Invocation under way, at most `limit_bytes` of it."""

    def __init__(self, limit_bytes: int = 1024 * 1024) -> None:
        self._limit = limit_bytes
        self._kept = bytearray()
        self.total_bytes = 0

    def write(self, data: bytes) -> None:
        """Add what was printed; the oldest bytes go when there are too many."""
        self.total_bytes += len(data)
        self._kept += data
        if len(self._kept) > self._limit:
            del self._kept[: -self._limit // 2]  # half at once: trimming a full buffer on every write would copy it all

    def so_far(self) -> LiveLog:
        """Return the log without taking it. Safe for any thread; the count may lag one write behind."""
        return LiveLog(total_bytes=self.total_bytes, tail=_text(self._kept[-LIVE_BYTES:]).lstrip("\ufffd"))

    def take(self) -> str:
        """Return the log as text, with a note of how much of it is missing, and begin a new one."""
        missing = self.total_bytes - len(self._kept)
        note = f"[{missing} bytes of log before this line were not kept]\n" if missing else ""
        text = note + _text(self._kept)
        self._kept.clear()
        self.total_bytes = 0
        return text


def _text(data: bytes | bytearray) -> str:
    """Return text with lines: AWS's client ends those inside one entry with a carriage return alone."""
    return _LONE_RETURN.sub("\n", data.decode("utf-8", "replace"))


def tail(text: str) -> str:
    """Return the last 4 KiB of a log, not starting inside a character."""
    return text.encode()[-TAIL_BYTES:].decode("utf-8", "ignore")
