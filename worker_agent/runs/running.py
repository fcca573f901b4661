"""What runs now, and in which sandbox; never touches a sandbox itself.

It is on the way of every Invocation, so it is one dictionary: its operations are atomic, and nobody waits for a lock.
"""

from shared_lua.contract import Invocation
from worker_agent.sandboxes.sandbox import Sandbox


class Running:
    """Invocations whose event is being handled, by id."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[Invocation, Sandbox]] = {}

    def add(self, invocation: Invocation, sandbox: Sandbox) -> None:
        """Note that an Invocation runs."""
        self._runs[invocation.invocation_id] = (invocation, sandbox)

    def discard(self, invocation: Invocation) -> None:
        """Note that it runs no more."""
        self._runs.pop(invocation.invocation_id, None)

    def now(self) -> list[tuple[Invocation, Sandbox]]:
        """Give what runs at this moment."""
        return list(self._runs.values())
