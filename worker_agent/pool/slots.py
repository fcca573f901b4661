"""Keeps sandboxes warm in a fixed number of Slots and leases them out.

The lock guards the list of Slots and nothing else: a Slot is claimed under it and filled outside it, so that a slow
start holds up no other. A sandbox is leased again only for the Version that it became, which belongs to one tenant. A
lease that finds no idle sandbox waits for a Stem to become one or for another lease of the Version to be returned,
whichever comes first. When the memory is used up it waits for the latter alone, for as long as a start would take: the
sandbox that it started would be ended to make room for the next.

Eviction is greedy-dual: the value of an idle sandbox is the cost of starting it again, times its uses, for each MiB
that it holds. The floor rises to the value of the sandbox that was evicted last, so that an expensive one goes as well
when it is not used. Provisioned sandboxes stay, and so do those of a tenant within its share of the memory: another
tenant's flood cannot evict them.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass

from shared_lua.contract import LATEST, Version
from worker_agent.clock import elapsed_us
from worker_agent.pool.lifecycle import SlotEvent, SlotState, step
from worker_agent.pool.request import Request
from worker_agent.sandboxes.sandbox import Sandbox, Started, Stem

#: What it costs to start and end a sandbox, s of a core: a longer wait for another lease's sandbox would not pay.
START_COST_S = 0.1

#: What a sandbox belongs to: tenant, function, version id.
Key = tuple[str, str, str]


class PoolFullError(RuntimeError):
    """All Slots are leased or provisioned: more Invocations were admitted than there are Slots."""


@dataclass(eq=False)
class Slot:
    """Holds one sandbox, or none."""

    state: SlotState = SlotState.EMPTY
    sandbox: Sandbox | None = None
    version: Version | None = None  #: what it holds, or is about to
    uses: int = 0
    value: float = 0.0

    def move(self, event: SlotEvent) -> None:
        """Take one step of the lifecycle."""
        self.state = step(self.state, event)
        if self.state is SlotState.EMPTY:
            self.sandbox = self.version = None
            self.uses = 0


@dataclass
class Lease:
    """A Slot held for the length of a `with`. `cold` tells whether its sandbox became this Version for this Lease."""

    slot: Slot
    sandbox: Sandbox
    cold: bool
    waited_us: int = 0  #: for a sandbox of this Version that another lease returned
    returned: bool = False
    rest_us: int = 0  #: once it is returned: how long it took to freeze its sandbox

    @property
    def started(self) -> Started | None:
        """What the start of its sandbox took, if it was started for this Lease."""
        return self.sandbox.started if self.cold else None


#: Asks for a Stem that is to become a sandbox, or for a Slot that holds one.
SandboxRequest = Request[Stem | Slot]
#: Starts a sandbox with the Stem that fulfils the request; returns the Slot instead if that fulfilled it.
Start = Callable[[SandboxRequest], Sandbox | Slot]


class Pool:
    """`size` Slots, whose sandboxes keep within `memory_mb` MiB together as long as enough of them are idle."""

    def __init__(self, size: int, memory_mb: int) -> None:
        self.size = size
        self._memory_mb = memory_mb
        self._slots = [Slot() for _ in range(size)]
        self._provisioned: Counter[Key | None] = Counter()
        self._provisioned_mb: dict[Key | None, int] = {}  #: memory of one of each
        self._floor = 0.0
        #: Requests that wait, by Version in the order of asking, with the Slot that each has claimed.
        self._waiting: defaultdict[Key | None, dict[SandboxRequest, Slot]] = defaultdict(dict)
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, version: Version, start: Start) -> Iterator[Lease]:
        """Lease a warm sandbox of `version`, or one that `start` starts; it is destroyed if the body raises.

        While `start` waits for a Stem, the pool may fulfil its request with a returned Slot; it starts nothing then.
        """
        lease = self._acquire(version, start)
        try:
            yield lease
        except BaseException:
            lease.returned = True
            self._end(lease.slot, "its lease ended in an error")
            raise
        self.release(lease)

    def release(self, lease: Lease) -> None:
        """Return a Lease: its sandbox is frozen, or destroyed when it is unusable. A second time is an error."""
        if lease.returned:
            raise RuntimeError("this lease was returned before: its slot may be another's by now")
        lease.returned = True
        if lease.sandbox.alive():
            lease.rest_us = lease.sandbox.rest()
        if not lease.sandbox.alive():
            self._end(lease.slot, "it is unusable")
            return
        with self._lock:
            slot = lease.slot
            slot.uses += 1
            slot.value = self._floor + lease.sandbox.started.start_us * slot.uses / lease.sandbox.version.memory_mb
            self._make_idle(slot)

    def is_warm(self, version: Version) -> bool:
        """Return whether there is an idle sandbox of this Version."""
        with self._lock:
            return any(_key(slot.version) == _key(version) for slot in self._idle())

    def provision(self, version: Version, count: int) -> None:
        """Protect up to `count` sandboxes of a Version from eviction; 0 ends that."""
        with self._lock:
            others = self._provisioned.total() - self._provisioned[_key(version)]
            if others + count >= self.size:
                raise ValueError(f"{others + count} provisioned sandboxes leave no slot of {self.size} for others")
            self._provisioned[_key(version)] = count
            self._provisioned_mb[_key(version)] = version.memory_mb
            if not count:
                del self._provisioned[_key(version)], self._provisioned_mb[_key(version)]

    def room_for(self, version: Version, spare: int = 1) -> int:
        """Return how many sandboxes of a Version can be provisioned beside the others and `spare` free Slots."""
        with self._lock:
            others = {key: count for key, count in self._provisioned.items() if key != _key(version)}
            slots = self.size - spare - sum(others.values())
            memory_mb = self._memory_mb - sum(count * self._provisioned_mb[key] for key, count in others.items())
        return max(0, min(slots, memory_mb // version.memory_mb))

    def held(self, version: Version) -> tuple[int, int]:
        """Return how many sandboxes of a Version there are, starting ones included, and how many of them are idle."""
        with self._lock:
            mine = [slot for slot in self._slots if _key(slot.version) == _key(version)]
            idle = [slot for slot in mine if slot.state is SlotState.IDLE]
            dead = [self._take_out(slot) for slot in idle if not _sandbox_of(slot).alive()]
        _destroy(dead, "it died while it was idle")
        return len(mine) - len(dead), len(idle) - len(dead)

    def add(self, version: Version, start: Start) -> None:
        """Start one more sandbox of a Version, which is idle then; raise PoolFullError, or what `start` raises."""
        with self._lock:
            slot, dismissed = self._claim(version)
        _destroy(dismissed, "its slot was needed")
        self.release(self._fill(slot, start, SandboxRequest(version.tenant), patience_s=0))

    def close(self) -> None:
        """Destroy every idle sandbox. Leased ones must be returned first."""
        with self._lock:
            dismissed = [self._take_out(slot) for slot in self._idle()]
        _destroy(dismissed, "the pool closes")

    def count(self) -> dict[SlotState, int]:
        """Return the number of Slots in each state."""
        with self._lock:
            states = Counter(slot.state for slot in self._slots)
        return {state: states[state] for state in SlotState}

    def _acquire(self, version: Version, start: Start) -> Lease:
        with self._lock:
            dismissed = [self._take_out(slot) for slot in self._idle() if _is_superseded(slot.version, version)]
            if slot := self._take_warm(version):
                lease = Lease(slot, _sandbox_of(slot), cold=False)
            else:
                lease, request = None, SandboxRequest(version.tenant)
                slot, more = self._claim(version)
                dismissed += more
                self._waiting[_key(version)][request] = slot
                patience_s = START_COST_S if self._is_crowded_by(version) else 0
        _destroy(dismissed, "its slot was needed")
        return lease or self._fill(slot, start, request, patience_s)

    def _fill(self, slot: Slot, start: Start, request: SandboxRequest, patience_s: float) -> Lease:
        """Start the sandbox of a claimed Slot and lease it, or lease the Slot that was returned before that."""
        began, key = time.monotonic(), _key(slot.version)
        try:
            wait([request], patience_s)
            returned = request.accepted
            made = returned if isinstance(returned, Slot) else start(request)
        except BaseException:
            with self._lock:
                self._forget_request(key, request)
                if isinstance(request.accepted, Slot):
                    self._make_idle(request.accepted)
                else:
                    slot.move(SlotEvent.START_FAILED)
            raise
        with self._lock:
            self._forget_request(key, request)
            if isinstance(made, Slot):
                return Lease(made, _sandbox_of(made), cold=False, waited_us=elapsed_us(began))
            slot.sandbox = made
            slot.move(SlotEvent.STARTED)
            dismissed = self._make_room()
        _destroy(dismissed, "its memory was needed")
        return Lease(slot, made, cold=True)

    def _forget_request(self, key: Key | None, request: SandboxRequest) -> None:
        self._waiting[key].pop(request, None)
        if not self._waiting[key]:
            del self._waiting[key]

    def _make_idle(self, slot: Slot) -> None:
        """Make a leased Slot idle, or dispatch it to the oldest request for its Version and free what that claimed."""
        slot.move(SlotEvent.RETURN)
        for request, claimed in self._waiting.get(_key(slot.version), {}).items():
            if request.offer(slot):
                slot.move(SlotEvent.LEASE)
                claimed.move(SlotEvent.START_FAILED)
                return

    def _take_warm(self, version: Version) -> Slot | None:
        """Lease the most valuable idle sandbox of this very Version, so that the others are evicted first."""
        same = [slot for slot in self._idle() if _key(slot.version) == _key(version)]
        slot = max(same, key=lambda s: s.value, default=None)
        if slot:
            slot.move(SlotEvent.LEASE)
        return slot

    def _make_room(self) -> list[Sandbox]:
        """Evict until the memory suffices, or no tenant with an idle sandbox holds more than its share.

        Running sandboxes may exceed the memory: it is a budget for idle ones.
        """
        dismissed = []
        while victim := self._victim(self._memory_of()):
            dismissed.append(self._dismiss(victim))
        return dismissed

    def _is_crowded_by(self, version: Version) -> bool:
        """Return whether a Version has sandboxes beside the claimed Slot, and there is no memory for one more."""
        held = self._memory_of() + Counter({version.tenant: version.memory_mb})
        has_others = sum(_key(slot.version) == _key(version) for slot in self._slots) > 1
        return has_others and held.total() > self._memory_mb and not self._victim(held)

    def _victim(self, held: Counter[str]) -> Slot | None:
        """Return the Slot to evict when tenants hold so much; None within the memory, or if none can be evicted."""
        if held.total() <= self._memory_mb:
            return None
        share = self._memory_mb / len(held)
        return self._least_valuable(lambda tenant: held[tenant] > share)

    def _memory_of(self) -> Counter[str]:
        """Return the memory of each tenant's sandboxes, MiB."""
        held = Counter[str]()
        for slot in self._slots:
            if slot.sandbox and slot.version:
                held[slot.version.tenant] += slot.version.memory_mb
        return held

    def _least_valuable(self, of_tenant: Callable[[str], bool]) -> Slot | None:
        idle = self._idle()
        waiting = Counter(_key(slot.version) for slot in idle)
        free = [slot for slot in idle if waiting[_key(slot.version)] > self._provisioned[_key(slot.version)]]
        return min((s for s in free if s.version and of_tenant(s.version.tenant)), key=lambda s: s.value, default=None)

    def _claim(self, version: Version) -> tuple[Slot, list[Sandbox]]:
        """Claim a Slot, and return it with the sandbox to destroy for it, if any; raise PoolFullError."""
        dismissed = []
        slot = next((s for s in self._slots if s.state is SlotState.EMPTY), None)
        if slot is None:
            held = Counter([version.tenant, *(s.version.tenant for s in self._slots if s.version)])
            share = self.size / len(held)
            slot = self._least_valuable(lambda tenant: held[tenant] > share) or self._least_valuable(lambda _: True)
            if slot is None:
                raise PoolFullError(f"all {self.size} slots are leased or provisioned")
            dismissed = [self._dismiss(slot)]
        slot.move(SlotEvent.CLAIM)
        slot.version = version
        return slot, dismissed

    def _dismiss(self, slot: Slot) -> Sandbox:
        self._floor = max(self._floor, slot.value)
        return self._take_out(slot)

    def _take_out(self, slot: Slot) -> Sandbox:
        """Empty a Slot; the caller destroys its sandbox outside the lock."""
        sandbox = _sandbox_of(slot)
        slot.move(SlotEvent.END)
        return sandbox

    def _end(self, slot: Slot, reason: str) -> None:
        with self._lock:
            sandbox = self._take_out(slot)
        sandbox.destroy(reason)

    def _idle(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.state is SlotState.IDLE]


def _destroy(sandboxes: list[Sandbox], reason: str) -> None:
    for sandbox in sandboxes:
        sandbox.destroy(reason)


def _sandbox_of(slot: Slot) -> Sandbox:
    assert slot.sandbox, f"a slot that is {slot.state.value} has a sandbox"  # noqa: S101
    return slot.sandbox


def key_of(version: Version) -> Key:
    """Return what must be equal for a sandbox to be leased again: with less, a tenant could see another's data."""
    return (version.tenant, version.function, version.version_id)


def _key(version: Version | None) -> Key | None:
    return key_of(version) if version else None


def _is_superseded(old: Version | None, new: Version) -> bool:
    """Return whether `new` replaced `old`: of a function's unpublished code only the latest runs.

    Published versions stand beside each other, as an alias may send its calls to two of them.
    """
    if old is None or (old.tenant, old.function) != (new.tenant, new.function):
        return False
    return old.number == new.number == LATEST and _key(old) != _key(new)
