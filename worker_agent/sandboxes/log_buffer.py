"""Keeps one Invocation's log: its last bytes and a count of all of them; never grows past its limit."""

import re

from shared_lua.contract import LiveLog

_LONE_RETURN = re.compile(r"\r(?!\n)")
#: What Lambda gives back as the tail of a log.
TAIL_BYTES = 4096
#: What is shown of a log while its function runs.
LIVE_BYTES = 16 * 1024


class LogBuffer:
    """The log of the Invocation now running. Whatever is printed, it holds at most `limit_bytes`."""

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
        """Give what there is and leave it; any thread may ask, and may get a count from before the latest write."""
        return LiveLog(total_bytes=self.total_bytes, tail=_text(self._kept[-LIVE_BYTES:]).lstrip("\ufffd"))

    def take(self) -> str:
        """Give the log so far as text and begin a new one, saying how much of it is missing."""
        missing = self.total_bytes - len(self._kept)
        note = f"[{missing} bytes of log before this line were not kept]\n" if missing else ""
        text = note + _text(self._kept)
        self._kept.clear()
        self.total_bytes = 0
        return text


def _text(data: bytes | bytearray) -> str:
    """AWS's client ends the lines of one entry with a lone carriage return; people and tools want lines."""
    return _LONE_RETURN.sub("\n", data.decode("utf-8", "replace"))


def tail(text: str) -> str:
    """Give the last 4 KiB of a log, not starting inside a character."""
    return text.encode()[-TAIL_BYTES:].decode("utf-8", "ignore")
