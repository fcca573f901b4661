"""The pool, with sandboxes that only remember."""

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from shared_lua.contract import Version
from tests.builders import version
from tests.fakes import FakeSandbox, fake_start
from worker_agent.pool.lifecycle import SlotState
from worker_agent.pool.slots import Lease, Pool, PoolFullError, SandboxRequest, Start
from worker_agent.sandboxes.sandbox import Started


def making(of: Version, start_us: int = 1000) -> Start:
    return lambda request: fake_start(of, request, Started(start_us, 0))


def fake(lease: Lease) -> FakeSandbox:
    assert isinstance(lease.sandbox, FakeSandbox)
    return lease.sandbox


def fails(_: SandboxRequest) -> FakeSandbox:
    raise AssertionError("a warm sandbox was there")


def used(pool: Pool, of: Version, times: int = 1, start_us: int = 1000) -> FakeSandbox:
    """Lease and return a sandbox of this Version, and give it."""
    for _ in range(times):
        with pool.lease(of, making(of, start_us)) as lease:
            pass
    return fake(lease)


def test_the_second_lease_of_a_version_is_warm_and_makes_nothing() -> None:
    pool, of = Pool(2, 1000), version()
    with pool.lease(of, making(of)) as first:
        pass

    with pool.lease(of, fails) as second:
        assert (second.sandbox, first.cold, second.cold) == (first.sandbox, True, False)


def test_a_returned_sandbox_rests_and_the_lease_tells_how_long_that_took() -> None:
    pool, of = Pool(1, 1000), version()
    with pool.lease(of, making(of)) as lease:
        assert fake(lease).done == []

    assert (fake(lease).done, lease.rest_us) == (["rest"], 100)


@pytest.mark.parametrize("changed", [{"tenant": "other"}, {"function": "g"}, {"version_id": "v2"}])
def test_a_sandbox_is_never_leased_to_another_tenant_function_or_version(changed: dict[str, Any]) -> None:
    pool, of, other = Pool(2, 1000), version(), version(**changed)
    first = used(pool, of)

    with pool.lease(other, making(other)) as second:
        assert second.sandbox is not first


def test_a_superseded_versions_sandboxes_go_and_nobody_elses() -> None:
    pool = Pool(4, 1000)
    old, other = used(pool, version()), used(pool, version(tenant="other"))

    used(pool, version(version_id="new"))

    assert (old.destroyed, other.destroyed) == (True, False)


def test_published_versions_of_a_function_stand_beside_each_other_and_beside_its_latest() -> None:
    pool = Pool(4, 1000)
    sandboxes = [
        used(pool, version(version_id=number, number=number), start_us=1000) for number in ("1", "2", "$LATEST")
    ]

    used(pool, version(version_id="1", number="1"))

    assert [sandbox.destroyed for sandbox in sandboxes] == [False] * 3


def test_when_room_is_needed_the_least_valuable_goes() -> None:
    pool = Pool(3, 10_000)
    dear = used(pool, version(function="dear"), start_us=100_000)
    frequent = used(pool, version(function="frequent"), times=5)
    large = used(pool, version(function="large", memory_mb=1024), times=5)

    used(pool, version(function="one more"))
    assert (dear.destroyed, frequent.destroyed, large.destroyed) == (False, False, True)

    used(pool, version(function="and one"), times=20)
    assert (dear.destroyed, frequent.destroyed) == (False, False)  # what had been used once went


def test_even_a_dear_sandbox_goes_in_the_end_when_nobody_asks_for_it() -> None:
    pool = Pool(2, 10_000)
    dear = used(pool, version(function="dear"), start_us=10_000)

    for n in range(30):
        used(pool, version(function=f"f{n}"))

    assert dear.destroyed


def test_the_memory_budget_is_kept_by_ending_what_is_idle() -> None:
    pool = Pool(10, 512)
    small = [used(pool, version(function=f"f{n}", memory_mb=128)) for n in range(4)]
    assert not any(sandbox.destroyed for sandbox in small)

    used(pool, version(function="large", memory_mb=256))

    assert sum(sandbox.destroyed for sandbox in small) == 2


def test_a_flood_pushes_out_nothing_that_another_tenant_has_within_its_part_of_the_memory() -> None:
    pool, quiet = Pool(20, 1024), version(tenant="quiet", memory_mb=256)
    kept = used(pool, quiet)
    with ExitStack() as flood:
        for _ in range(8):  # all at once: none of them is idle
            flood.enter_context(pool.lease(version(tenant="loud", memory_mb=256), making(version(tenant="loud"))))
    assert not kept.destroyed

    used(pool, version(tenant="loud", function="g", memory_mb=256), times=5)

    assert not kept.destroyed
    assert sum(slot.version.memory_mb for slot in pool._slots if slot.version) <= 1024


def test_a_flood_evicts_no_tenant_within_its_share_of_the_slots() -> None:
    pool = Pool(6, 100_000)
    kept = [used(pool, version(tenant="quiet", function=f"f{n}")) for n in range(3)]
    for n in range(30):
        used(pool, version(tenant="loud", function=f"f{n}"), times=9)

    assert not any(sandbox.destroyed for sandbox in kept)


def test_what_runs_may_go_beyond_the_budget() -> None:
    pool, of = Pool(2, 100), version(memory_mb=512)

    with pool.lease(of, making(of)) as lease:
        assert lease.cold


def test_provisioned_permits_stay() -> None:
    pool, of = Pool(2, 10_000), version(function="kept")
    pool.provision(of, 1)
    kept = used(pool, of)

    for n in range(10):
        used(pool, version(function=f"f{n}"), times=3)

    assert not kept.destroyed


def test_provisioned_permits_must_leave_a_slot_for_others() -> None:
    pool = Pool(2, 10_000)
    pool.provision(version(), 1)

    with pytest.raises(ValueError, match="leave no slot of 2"):
        pool.provision(version(function="g"), 1)
    pool.provision(version(), 0)
    pool.provision(version(function="g"), 1)


def test_what_is_added_waits_idle_and_makes_the_next_lease_warm() -> None:
    pool, of = Pool(3, 1000), version()
    pool.add(of, making(of))
    pool.add(of, making(of))
    assert pool.held(of) == (2, 2)

    with pool.lease(of, fails) as lease:
        assert (lease.cold, fake(lease).done, pool.held(of)) == (False, ["rest"], (2, 1))


def test_what_is_added_takes_the_place_of_what_is_worth_least_and_of_nothing_that_runs() -> None:
    pool, of, other = Pool(1, 1000), version(), version(version_id="other")
    idle = used(pool, other)
    pool.add(of, making(of))
    assert (idle.destroyed, pool.held(of), pool.held(other)) == (True, (1, 1), (0, 0))

    with pool.lease(of, fails), pytest.raises(PoolFullError):
        pool.add(other, making(other))


def test_a_sandbox_that_died_while_it_waited_is_held_no_more() -> None:
    pool, of = Pool(2, 1000), version()
    sandbox = used(pool, of)
    sandbox.usable = False

    assert pool.held(of) == (0, 0)
    assert sandbox.destroyed


def test_room_for_provisioned_ones_is_by_slots_and_by_memory_and_leaves_what_is_spare() -> None:
    pool, small, large = Pool(6, 1000), version(memory_mb=100), version(version_id="large", memory_mb=300)
    assert (pool.room_for(small), pool.room_for(small, spare=4), pool.room_for(small, spare=7)) == (5, 2, 0)
    assert pool.room_for(large) == 3

    pool.provision(large, 2)

    assert (pool.room_for(small), pool.room_for(large)) == (3, 3)
    pool.provision(large, 3)
    assert pool.room_for(small) == 1
    pool.provision(large, 0)
    assert pool.room_for(small) == 5


def test_a_spent_sandbox_is_destroyed_when_it_comes_home_and_does_not_rest() -> None:
    pool, of = Pool(1, 1000), version()
    with pool.lease(of, making(of)) as lease:
        fake(lease).usable = False

    assert fake(lease).done == ["destroy: it is unusable"]
    assert pool.count()[SlotState.EMPTY] == 1


def test_a_body_that_raises_costs_the_sandbox_its_life_and_keeps_the_slot() -> None:
    pool, of = Pool(1, 1000), version()

    with pytest.raises(KeyError), pool.lease(of, making(of)) as lease:
        raise KeyError

    assert fake(lease).destroyed
    assert pool.count()[SlotState.EMPTY] == 1


def test_a_start_that_fails_leaves_the_slot_empty() -> None:
    pool = Pool(1, 1000)

    def start(_: SandboxRequest) -> FakeSandbox:
        raise KeyError

    with pytest.raises(KeyError), pool.lease(version(), start):
        pass

    assert pool.count()[SlotState.EMPTY] == 1


def test_a_lease_returned_twice_is_an_error_that_says_so() -> None:
    pool, of = Pool(1, 1000), version()
    with pool.lease(of, making(of)) as lease:
        pass

    with pytest.raises(RuntimeError, match="returned before"):
        pool.release(lease)


def test_more_leases_than_slots_is_an_error_that_says_so() -> None:
    pool, of = Pool(1, 1000), version()

    with pool.lease(of, making(of)), pytest.raises(PoolFullError, match="all 1 slots"), pool.lease(of, making(of)):
        pass


def test_a_slow_start_holds_up_nobody() -> None:
    pool, slow, quick = Pool(2, 1000), version(function="slow"), version(function="quick")
    entered, release = threading.Event(), threading.Event()

    def start(_: SandboxRequest) -> FakeSandbox:
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
    pool, of = Pool(3, 1000), version()
    with pool.lease(of, making(of)) as first, pool.lease(of, making(of)) as second:
        pass

    pool.close()

    assert fake(first).destroyed
    assert fake(second).destroyed
    assert pool.count()[SlotState.EMPTY] == 3


def test_many_threads_never_share_a_sandbox_and_never_run_out_of_slots() -> None:
    pool, versions = Pool(4, 300), [version(function=f"f{n}") for n in range(6)]
    in_use: set[int] = set()
    lock, wrong = threading.Lock(), []
    permits = threading.Semaphore(4)

    def work(seed: int) -> None:
        for turn in range(200):
            of = versions[(seed * 7 + turn * 5) % 6]
            with permits, pool.lease(of, making(of)) as lease:
                with lock:
                    if id(lease.sandbox) in in_use or lease.sandbox.version != of or fake(lease).destroyed:
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
