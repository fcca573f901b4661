"""Shows how far the loads are: a bar on a terminal; in a pipe, one line for each thing begun."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30


class Progress:
    """A progress bar over the planned seconds of all loads."""

    def __init__(self, planned_s: float, out: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._planned_s = planned_s
        self._out = out
        self._clock = clock
        self._began = clock()
        self._done_s = 0.0
        self._last = ""

    def show(self, scenario: str, what: str, seconds: float = 0.0) -> None:
        """Shows what is being done, and that it has been for `seconds`."""
        share = min(1.0, (self._done_s + seconds) / self._planned_s) if self._planned_s else 1.0
        text = f"{scenario}: {what}"
        if self._out.isatty():
            self._draw(share, text)
        elif text != self._last:
            print(f"{share:4.0%}  {text}", file=self._out, flush=True)
        self._last = text

    def _draw(self, share: float, text: str) -> None:
        filled, passed_s = round(share * WIDTH), self._clock() - self._began
        bar = "#" * filled + "." * (WIDTH - filled)
        print(f"\r\x1b[K[{bar}] {share:4.0%}  {passed_s:4.0f} s  {text}", end="", file=self._out, flush=True)

    def done(self, seconds: float) -> None:
        """Counts a load's planned seconds as passed."""
        self._done_s += seconds

    def close(self) -> None:
        """Ends the bar's line."""
        if self._out.isatty():
            print(file=self._out)
