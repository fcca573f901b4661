"""Leases that find no idle sandbox in the pool, with sandboxes that only remember."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared_lua.contract import Version
from tests.builders import version
from tests.fakes import FakeSandbox, fake_start
from tests.waiting import eventually
from worker_agent.errors import EngineUnavailableError
from worker_agent.pool.lifecycle import SlotState
from worker_agent.pool.slots import Lease, Pool, SandboxRequest, Slot, Start
from worker_agent.sandboxes.sandbox import Sandbox


def making(of: Version) -> Start:
    return lambda request: fake_start(of, request)


class Waiting:
    """A thread that leases a sandbox of a Version and starts none before `makes` is set."""

    def __init__(self, pool: Pool, of: Version) -> None:
        self.leases: list[Lease] = []
        self.asked, self.makes, self.ends = threading.Event(), threading.Event(), threading.Event()
        self._pool, self._of = pool, of
        self._thread = threading.Thread(target=self._lease, daemon=True)
        self._thread.start()
        assert self.asked.wait(10)

    def join(self) -> None:
        self.ends.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _lease(self) -> None:
        with self._pool.lease(self._of, self._start) as lease:
            self.leases.append(lease)
            assert self.ends.wait(10)

    def _start(self, request: SandboxRequest) -> Sandbox | Slot:
        self.asked.set()
        while not self.makes.wait(0.001):
            if isinstance(request.accepted, Slot):
                return request.accepted
        return fake_start(self._of, request)


def test_a_returned_sandbox_goes_to_the_oldest_lease_that_waits_for_a_start() -> None:
    pool, of = Pool(3, 10_000), version()
    with pool.lease(of, making(of)) as first:
        waiting = [Waiting(pool, of) for _ in range(2)]
        assert [bool(one.leases) for one in waiting] == [False, False]
    eventually(lambda: waiting[0].leases)
    assert not waiting[1].leases

    waiting[0].join()
    eventually(lambda: waiting[1].leases)
    waiting[1].join()

    leases = [one.leases[0] for one in waiting]
    assert [(lease.sandbox, lease.cold, lease.waited_us > 0) for lease in leases] == [(first.sandbox, False, True)] * 2
    assert pool.count() == {state: {"idle": 1, "empty": 2}.get(state.value, 0) for state in SlotState}


@pytest.mark.parametrize("changed", [{"tenant": "other"}, {"function": "g"}, {"version_id": "v2", "number": "2"}])
def test_who_waits_is_never_given_another_versions_sandbox(changed: dict[str, Any]) -> None:
    pool, of = Pool(3, 10_000), version()
    with pool.lease(of, making(of)):
        other = Waiting(pool, version(**changed))

    assert pool.count()[SlotState.IDLE] == 1
    other.makes.set()
    other.join()
    assert other.leases[0].cold


def test_a_sandbox_offered_to_a_start_that_fails_becomes_idle() -> None:
    pool, of = Pool(3, 10_000), version()
    held = pool.lease(of, making(of))
    held.__enter__()

    def start(request: SandboxRequest) -> FakeSandbox:
        held.__exit__(None, None, None)
        assert isinstance(request.accepted, Slot)
        raise KeyError

    with pytest.raises(KeyError), pool.lease(of, start):
        pass

    assert pool.count() == {state: {"idle": 1, "empty": 2}.get(state.value, 0) for state in SlotState}


def test_who_is_given_a_slot_has_claimed_none_any_more() -> None:
    pool, of, other = Pool(2, 10_000), version(), version(function="g")
    with pool.lease(of, making(of)):
        waiting = Waiting(pool, of)
    eventually(lambda: pool.count()[SlotState.LEASED] == 1)

    with pool.lease(other, making(other)) as lease:
        assert lease.cold
    waiting.join()


def test_without_memory_a_lease_waits_for_a_return_and_starts_no_sandbox() -> None:
    of = version()
    pool = Pool(8, of.memory_mb)
    with ThreadPoolExecutor(1) as aside:
        with pool.lease(of, making(of)) as first:
            second = aside.submit(leased, pool, of, fails)
            eventually(lambda: pool.count()[SlotState.STARTING])
        assert second.result(10) == (first.sandbox, False)

    assert first.sandbox.alive()


def test_beyond_the_memory_a_start_comes_after_the_wait_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.pool.slots.START_COST_S", 0.3)
    of = version()
    pool = Pool(8, of.memory_mb)
    with pool.lease(of, making(of)) as first:
        began = time.monotonic()
        sandbox, cold = leased(pool, of, making(of))

    assert (sandbox is first.sandbox, cold) == (False, True)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("held", ["less", "another's", "something idle"])
def test_nobody_waits_for_a_return_where_memory_is_left_or_none_is_to_come(
    monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    monkeypatch.setattr("worker_agent.pool.slots.START_COST_S", 30)
    of = version()
    pool = Pool(8, of.memory_mb * (2 if held != "another's" else 1))
    if held == "something idle":
        leased(pool, version(function="idle"), making(version(function="idle")))
    other = version(function="g") if held == "another's" else of

    with pool.lease(other, making(other)), ThreadPoolExecutor(1) as aside:
        _, cold = aside.submit(leased, pool, of, making(of)).result(10)

    assert cold


def leased(pool: Pool, of: Version, start: Start) -> tuple[Sandbox, bool]:
    """Have a Lease and return it; give its sandbox and whether it was made for it."""
    with pool.lease(of, start) as lease:
        return lease.sandbox, lease.cold


def fails(_: SandboxRequest) -> Sandbox:
    raise AssertionError("a sandbox was about to be returned")


def test_who_is_offered_an_error_hears_of_it_and_what_comes_later_stays_the_givers() -> None:
    request = SandboxRequest("t")

    assert request.offer(EngineUnavailableError("down"))
    assert not request.offer(Slot())
    with pytest.raises(EngineUnavailableError, match="down"):
        request.result(0)
