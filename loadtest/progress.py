"""Shows on the terminal how far the loads are; in a pipe, one line for each thing begun."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30


class Bar:
    """A bar over the planned seconds of all loads together."""

    def __init__(self, planned_s: float, out: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._planned_s = planned_s
        self._out = out
        self._clock = clock
        self._began = clock()
        self._done_s = 0.0
        self._last = ""

    def show(self, scenario: str, what: str, seconds: float = 0.0) -> None:
        """Show what is being done, and that of it so many seconds have passed."""
        share = min(1.0, (self._done_s + seconds) / self._planned_s) if self._planned_s else 1.0
        filled = round(share * WIDTH)
        said = f"{scenario}: {what}"
        if self._out.isatty():
            drawn, passed_s = "#" * filled + "." * (WIDTH - filled), self._clock() - self._began
            print(f"\r\x1b[K[{drawn}] {share:4.0%}  {passed_s:4.0f} s  {said}", end="", file=self._out, flush=True)
        elif said != self._last:
            print(f"{share:4.0%}  {said}", file=self._out, flush=True)
        self._last = said

    def done(self, seconds: float) -> None:
        """Count a load's planned seconds as passed."""
        self._done_s += seconds

    def close(self) -> None:
        """Leave the bar's line."""
        if self._out.isatty():
            print(file=self._out)
