"""Turns Ctrl-C and SIGTERM into one StopRequested; it never decides what stopping means."""

import signal
from types import FrameType

from local.errors import StopRequested


class StopSignal:
    """Raises StopRequested in the main thread at the first signal; later ones cannot cut the teardown short."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Take SIGINT and SIGTERM over for the rest of this process."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (the signature is Python's)
        if not self.requested:
            self.requested = True
            raise StopRequested
