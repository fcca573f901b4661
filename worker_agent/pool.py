"""Keeps sandboxes warm in a fixed number of Slots and leases them out; never runs anything in them.

The lock guards the list of Slots and nothing else: a Slot is claimed under it and filled outside it, so that one slow
container start holds up nobody. A sandbox is leased again only to the Version it was made for, which belongs to one
tenant. When all Slots are taken, the sandbox that has been idle longest makes room.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared_lua.contract import Version
from worker_agent.lifecycle import SlotEvent, SlotState, step
from worker_agent.sandbox import Sandbox


class PoolFullError(RuntimeError):
    """Every Slot is leased: the caller took more permits than the pool has Slots."""


@dataclass
class Slot:
    """A place for one sandbox."""

    state: SlotState = SlotState.EMPTY
    sandbox: Sandbox | None = None
    idle_since: float = 0.0

    def move(self, event: SlotEvent) -> None:
        """Take one step of the lifecycle."""
        self.state = step(self.state, event)


@dataclass
class Lease:
    """A Slot held for the length of a `with`. `cold` tells whether its sandbox was made for this Lease."""

    slot: Slot
    sandbox: Sandbox
    cold: bool
    returned: bool = field(default=False)


class Pool:
    """A fixed number of Slots."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size = size
        self._slots = [Slot() for _ in range(size)]
        self._lock = threading.Lock()
        self._clock = clock

    @contextmanager
    def lease(self, version: Version, start: Callable[[], Sandbox]) -> Iterator[Lease]:
        """Lease a warm sandbox of `version`, or one that `start` makes; it is destroyed if the body raises."""
        lease = self._acquire(version, start)
        try:
            yield lease
        except BaseException:
            self._evict(lease.slot, "its lease ended in an error")
            raise
        self.give_back(lease)

    def give_back(self, lease: Lease) -> None:
        """Return a Lease: its sandbox waits, warm, or goes when it is spent. A second time is an error."""
        if lease.returned:
            raise RuntimeError("this lease was returned before: its slot may be another's by now")
        lease.returned = True
        if not lease.sandbox.alive():
            self._evict(lease.slot, "it is spent")
            return
        with self._lock:
            lease.slot.move(SlotEvent.RETURN)
            lease.slot.idle_since = self._clock()

    def close(self) -> None:
        """Destroy every idle sandbox. Leased ones are their holders' to return first."""
        while (slot := self._take_idle()) is not None:
            self._end(slot, "the pool closes")
            self._move(slot, SlotEvent.DESTROYED)

    def count(self) -> dict[SlotState, int]:
        """Give the number of Slots in each state."""
        with self._lock:
            states = [slot.state for slot in self._slots]
        return {state: states.count(state) for state in SlotState}

    def _acquire(self, version: Version, start: Callable[[], Sandbox]) -> Lease:
        warm = self._take_warm(version)
        if warm and warm.sandbox:
            return Lease(warm, warm.sandbox, cold=False)
        slot = self._claim_empty() or self._make_room()
        try:
            sandbox = start()
        except BaseException:
            self._move(slot, SlotEvent.START_FAILED)
            raise
        with self._lock:
            slot.sandbox = sandbox
            slot.move(SlotEvent.STARTED)
        return Lease(slot, sandbox, cold=True)

    def _take_warm(self, version: Version) -> Slot | None:
        with self._lock:
            same = [s for s in self._slots if s.state is SlotState.IDLE and s.sandbox and _fits(s.sandbox, version)]
            if not same:
                return None
            slot = max(same, key=lambda s: s.idle_since)  # the warmest; the others may grow cold and go
            slot.move(SlotEvent.LEASE)
            return slot

    def _claim_empty(self) -> Slot | None:
        with self._lock:
            slot = next((s for s in self._slots if s.state is SlotState.EMPTY), None)
            if slot:
                slot.move(SlotEvent.CLAIM)
            return slot

    def _make_room(self) -> Slot:
        """End the sandbox that has been idle longest, and claim its Slot."""
        slot = self._take_idle()
        if slot is None:
            raise PoolFullError(f"all {self.size} slots are leased")
        self._end(slot, "its slot was needed")
        self._move(slot, SlotEvent.DESTROYED, SlotEvent.CLAIM)  # in one go: nobody may claim it in between
        return slot

    def _take_idle(self) -> Slot | None:
        """Take the Slot that has been idle longest, to be ended."""
        with self._lock:
            idle = [s for s in self._slots if s.state is SlotState.IDLE]
            slot = min(idle, key=lambda s: s.idle_since, default=None)
            if slot:
                slot.move(SlotEvent.EVICT)
            return slot

    def _evict(self, slot: Slot, reason: str) -> None:
        self._move(slot, SlotEvent.EVICT)
        self._end(slot, reason)
        self._move(slot, SlotEvent.DESTROYED)

    def _end(self, slot: Slot, reason: str) -> None:
        """Destroy the sandbox of a Slot that is ENDING, outside the lock: it takes the engine a while."""
        sandbox, slot.sandbox = slot.sandbox, None
        if sandbox:
            sandbox.destroy(reason)

    def _move(self, slot: Slot, *events: SlotEvent) -> None:
        with self._lock:
            for event in events:
                slot.move(event)


def _fits(sandbox: Sandbox, version: Version) -> bool:
    """Same tenant, same function, same version: anything less would show one's data to another."""
    theirs = sandbox.version
    return (theirs.tenant, theirs.function, theirs.version_id) == (version.tenant, version.function, version.version_id)
