"""The pool, with sandboxes that only remember."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from shared_lua.contract import Version
from tests.builders import version
from tests.fakes import FakeSandbox
from worker_agent.lifecycle import SlotState
from worker_agent.pool import Lease, Pool, PoolFullError


def making(of: Version) -> Callable[[], FakeSandbox]:
    return lambda: FakeSandbox(of)


def fake(lease: Lease) -> FakeSandbox:
    assert isinstance(lease.sandbox, FakeSandbox)
    return lease.sandbox


def fails() -> FakeSandbox:
    raise AssertionError("a warm sandbox was there")


def test_the_second_lease_of_a_version_is_warm_and_makes_nothing() -> None:
    pool, of = Pool(2), version()
    with pool.lease(of, making(of)) as first:
        pass

    with pool.lease(of, fails) as second:
        assert (second.sandbox, first.cold, second.cold) == (first.sandbox, True, False)


@pytest.mark.parametrize("changed", [{"tenant": "other"}, {"function": "g"}, {"version_id": "v2"}])
def test_a_sandbox_is_never_leased_to_another_tenant_function_or_version(changed: dict[str, Any]) -> None:
    pool, of, other = Pool(2), version(), version(**changed)
    with pool.lease(of, making(of)) as first:
        pass

    with pool.lease(other, making(other)) as second:
        assert second.sandbox is not first.sandbox


def test_when_all_slots_are_taken_the_one_idle_longest_makes_room() -> None:
    ticks = iter(range(100))
    pool = Pool(2, clock=lambda: next(ticks))
    made = {}
    for name in ("a", "b", "c"):
        of = version(function=name)
        with pool.lease(of, making(of)) as lease:
            made[name] = fake(lease)

    assert [bool(made[name].destroyed) for name in ("a", "b", "c")] == [True, False, False]


def test_a_spent_sandbox_is_destroyed_when_it_comes_home() -> None:
    pool, of = Pool(1), version()
    with pool.lease(of, making(of)) as lease:
        fake(lease).usable = False

    assert fake(lease).destroyed == ["it is spent"]
    assert pool.count()[SlotState.EMPTY] == 1


def test_a_body_that_raises_costs_the_sandbox_its_life_and_keeps_the_slot() -> None:
    pool, of = Pool(1), version()

    with pytest.raises(KeyError), pool.lease(of, making(of)) as lease:
        raise KeyError

    assert fake(lease).destroyed
    assert pool.count()[SlotState.EMPTY] == 1


def test_a_start_that_fails_leaves_the_slot_empty() -> None:
    pool = Pool(1)

    def start() -> FakeSandbox:
        raise KeyError

    with pytest.raises(KeyError), pool.lease(version(), start):
        pass

    assert pool.count()[SlotState.EMPTY] == 1


def test_a_lease_returned_twice_is_an_error_that_says_so() -> None:
    pool, of = Pool(1), version()
    with pool.lease(of, making(of)) as lease:
        pass

    with pytest.raises(RuntimeError, match="returned before"):
        pool.give_back(lease)


def test_more_leases_than_slots_is_an_error_that_says_so() -> None:
    pool, of = Pool(1), version()

    with pool.lease(of, making(of)), pytest.raises(PoolFullError, match="all 1 slots"), pool.lease(of, making(of)):
        pass


def test_a_slow_start_holds_up_nobody() -> None:
    pool, slow, quick = Pool(2), version(function="slow"), version(function="quick")
    entered, release = threading.Event(), threading.Event()

    def start() -> FakeSandbox:
        entered.set()
        assert release.wait(10)
        return FakeSandbox(slow)

    def lease_slow() -> None:
        with pool.lease(slow, start):
            pass

    thread = threading.Thread(target=lease_slow)
    thread.start()
    assert entered.wait(10)
    with pool.lease(quick, making(quick)) as lease:
        assert lease.cold
    release.set()
    thread.join()


def test_closing_destroys_what_is_idle() -> None:
    pool, of = Pool(3), version()
    with pool.lease(of, making(of)) as first, pool.lease(of, making(of)) as second:
        pass

    pool.close()

    assert fake(first).destroyed
    assert fake(second).destroyed
    assert pool.count()[SlotState.EMPTY] == 3


def test_many_threads_never_share_a_sandbox_and_never_run_out_of_slots() -> None:
    pool, versions = Pool(4), [version(function=f"f{n}") for n in range(6)]
    in_use: set[int] = set()
    lock, wrong = threading.Lock(), []
    permits = threading.Semaphore(4)

    def work(seed: int) -> None:
        for turn in range(200):
            of = versions[(seed * 7 + turn * 5) % 6]
            with permits, pool.lease(of, making(of)) as lease:
                with lock:
                    if id(lease.sandbox) in in_use or lease.sandbox.version != of:
                        wrong.append(turn)
                    in_use.add(id(lease.sandbox))
                with lock:
                    in_use.discard(id(lease.sandbox))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert pool.count()[SlotState.LEASED] == 0
