"""The Invocations that run now, and in which sandbox.

Every Invocation passes here, so it is one dictionary without a lock: its operations are atomic.
"""

from shared_lua.contract import Invocation
from worker_agent.sandboxes.sandbox import Sandbox


class Running:
    """Runs by Invocation id."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[Invocation, Sandbox]] = {}

    def add(self, invocation: Invocation, sandbox: Sandbox) -> None:
        """Note that an Invocation runs."""
        self._runs[invocation.invocation_id] = (invocation, sandbox)

    def discard(self, invocation: Invocation) -> None:
        """Note that it runs no more."""
        self._runs.pop(invocation.invocation_id, None)

    def now(self) -> list[tuple[Invocation, Sandbox]]:
        """Return what runs at this moment."""
        return list(self._runs.values())
