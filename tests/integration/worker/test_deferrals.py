"""What is put off rather than run: without a permit, and while the Docker Engine is down."""

import dataclasses

import pytest

from shared_lua import keys
from shared_lua.contract import Mode, Permits, Settlement, Status
from tests.builders import invocation, version
from tests.conftest import RedisServer
from tests.integration.worker.handling import CODE, World, asked, delivery
from worker_agent.lanes.handle import FIRST_PAUSE_S, SYNC_PAUSE_S
from worker_agent.lanes.heartbeat import FOR_MS
from worker_agent.stores.durable_lane import Deferral
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_what_nobody_waits_for_runs_only_with_a_permit_and_gives_it_back(world: World) -> None:
    permits = Permits(limit=1, reserved=False)
    first, second = (asked(invocation_id=f"i-{n}", mode=Mode.ASYNC, permits=permits) for n in range(2))
    for one in (first, second):
        world.accept(one)
    RedisAdapter(world.redis).take_permit(first)

    put_off = world.handler.handle(delivery(second))

    assert isinstance(put_off, Deferral)
    assert put_off.after_s == FIRST_PAUSE_S
    assert world.row(second)[0] == "queued"
    world.handler.handle(delivery(first))
    assert world.handler.handle(delivery(second)) is None
    assert world.redis.zcard(keys.tenant_permits("t")) == 0


def test_what_waits_for_the_engine_leaves_its_permit_to_others(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, permits=Permits(limit=1, reserved=False)))
    world.sandboxes.down.set()

    assert isinstance(world.handler.handle(delivery(one)), Deferral)

    assert world.redis.zcard(keys.tenant_permits("t")) == 0


def test_without_redis_what_was_accepted_runs_uncounted(world: World, redis_server: RedisServer) -> None:
    one = asked(mode=Mode.ASYNC, permits=Permits(limit=1, reserved=True))
    world.accept(one)

    with redis_server.away():
        assert world.handler.handle(delivery(one)) is None

    assert world.row(one)[0] == "succeeded"


def stop_engine(world: World) -> None:
    """Let the engine be down, and found out."""
    world.sandboxes.down.set()
    assert not world.watch.look()


def test_an_engine_that_is_found_dead_costs_no_attempt_of_what_nobody_waits_for(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))
    world.sandboxes.down.set()

    assert world.handler.handle(delivery(one)) == Deferral(one, FIRST_PAUSE_S)

    assert world.watch.is_down
    world.sandboxes.down.clear()
    world.watch._check()
    anew = dataclasses.replace(one, enqueue_generation=1)
    assert world.handler.handle(delivery(anew)) is None
    status, settled = world.row(one)
    assert (status, settled and settled.attempt) == (Status.SUCCEEDED, 1)


def test_while_the_engine_is_down_what_nobody_waits_for_is_put_off_unclaimed_longer_each_time(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, deadline_us=invocation().deadline_us + 3_600_000_000))
    stop_engine(world)

    pauses = [world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=n))) for n in range(7)]

    assert [pause and pause.after_s for pause in pauses] == [2, 4, 8, 16, 32, 60, 60]
    assert world.row(one) == (Status.QUEUED, None)


def test_nothing_is_put_off_much_past_the_time_by_which_it_must_start(world: World) -> None:
    one = asked(mode=Mode.ASYNC)
    one = world.accept(dataclasses.replace(one, deadline_us=one.admitted_at_us + 5_500_000))  # 2.5 s to start, 3 to run
    stop_engine(world)

    put_off = world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=5)))
    world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=6), received_at_us=one.start_by_us + 1))

    assert put_off
    assert put_off.after_s in (2, 3)
    assert world.row(one)[0] == Status.EXPIRED


def test_an_engine_that_dies_between_the_look_and_the_claim_costs_no_attempt_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))
    claim = Ledger.claim

    def meanwhile(ledger: Ledger, invocation_id: str, delivery_fence: int) -> Settlement | None:
        stop_engine(world)
        return claim(ledger, invocation_id, delivery_fence)

    monkeypatch.setattr(Ledger, "claim", meanwhile)

    assert world.handler.handle(delivery(one)) == Deferral(one, FIRST_PAUSE_S)

    assert world.row(one) == (Status.RUNNING, None)


@pytest.mark.parametrize("found_before", [True, False])
def test_while_the_engine_is_down_a_caller_is_refused_at_once_and_nothing_is_billed(
    world: World, found_before: bool
) -> None:
    one = world.accept(asked())
    world.sandboxes.down.set()
    if found_before:
        stop_engine(world)

    assert world.handler.handle(delivery(one)) is None

    status, settled = world.row(one)
    assert status == Status.ABANDONED
    assert settled
    assert (settled.outcome.error_type, settled.outcome.executed) == ("Hearth.EngineUnavailable", False)
    assert (settled.charge, settled.usage) == (None, None)
    assert world.answers(one) == [settled]


def test_who_waits_is_left_to_another_worker_that_says_it_can(world: World) -> None:
    one = world.accept(asked())
    stop_engine(world)
    RedisAdapter(world.redis).heartbeat("another", able=True, free=-1, for_ms=FOR_MS)

    assert world.handler.handle(delivery(one)) == Deferral(one, SYNC_PAUSE_S)

    RedisAdapter(world.redis).heartbeat("another", able=False, free=-1, for_ms=FOR_MS)
    assert world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=1))) is None
    assert world.row(one)[0] == Status.ABANDONED


def test_a_workers_word_that_it_can_expires(world: World) -> None:
    RedisAdapter(world.redis).heartbeat("dead", able=True, free=-1, for_ms=1)
    RedisAdapter(world.redis).heartbeat("living", able=True, free=-1, for_ms=60_000)

    while (able := RedisAdapter(world.redis).able()) != {"living"}:
        assert able == {"dead", "living"}


def test_while_the_engine_is_down_a_warm_sandbox_and_a_ready_stem_serve(world: World) -> None:
    warm, ready = asked(), asked(invocation_id="i-2", version=version(CODE, function="g"))
    world.accept(warm)
    world.handler.handle(delivery(warm))
    world.stems._ready["python3.11"].append(world.sandboxes.make_stem("python3.11"))
    stop_engine(world)

    again = world.accept(dataclasses.replace(warm, invocation_id="i-3"))
    world.handler.handle(delivery(again))
    world.handler.handle(delivery(world.accept(ready)))
    cold = world.accept(asked(invocation_id="i-4", version=version(CODE, function="h")))
    world.handler.handle(delivery(cold))

    assert [world.row(one)[0] for one in (again, ready)] == [Status.SUCCEEDED] * 2
    assert world.row(cold)[0] == Status.ABANDONED


def test_without_redis_a_waiting_call_is_not_abandoned(world: World, redis_server: RedisServer) -> None:
    one = world.accept(asked())
    stop_engine(world)
    with redis_server.away():
        assert world.handler.handle(delivery(one)) == Deferral(one, SYNC_PAUSE_S)
