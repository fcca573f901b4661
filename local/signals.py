"""Turns Ctrl-C and SIGTERM into one StopRequested, raised in the main thread."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from local.errors import StopRequested

STOPS = (signal.SIGINT, signal.SIGTERM)

#: How many `held` blocks the main thread is in. Signal handlers belong to the process, and so does this.
_holds = 0
_stop_is_due = False


def end_at_once() -> None:
    """Lets Ctrl-C and SIGTERM end this process silently, which is fine until it has started something.

    Python itself would answer a Ctrl-C during the imports with a traceback. The Makefile starts Python with both
    signals blocked, so that one which arrives even earlier takes effect here.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


@contextmanager
def held() -> Iterator[None]:
    """Postpones StopRequested to the end of the `with`.

    For the lines between starting something and registering how to undo it: a stop between them would leave it behind.
    """
    global _holds  # noqa: PLW0603  (see `_holds`)
    _holds += 1
    try:
        yield
    finally:
        _holds -= 1
    _raise_if_due()


def _raise_if_due() -> None:
    global _stop_is_due  # noqa: PLW0603
    if _stop_is_due and not _holds:
        _stop_is_due = False
        raise StopRequested


class StopSignal:
    """Raises StopRequested at the first signal and ignores later ones, so that they cannot interrupt the teardown."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Handles SIGINT and SIGTERM from now on."""
        for number in STOPS:
            signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Ignores both signals from now on: only the teardown is left to do."""
        self.requested = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (the signature is Python's)
        global _stop_is_due  # noqa: PLW0603
        if not self.requested:
            self.requested = True
            _stop_is_due = True
            _raise_if_due()
