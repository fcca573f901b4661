"""The tries of an asynchronous Invocation: pauses between them, one record and one charge, whichever worker dies."""

import dataclasses
import time
from typing import Any

import pytest

from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Mode, Permits, Settlement, Status
from tests.builders import ran
from tests.integration.worker.handling import World, asked, behaves, delivery, fails
from worker_agent.errors import AwsUnavailableError
from worker_agent.lanes.handle import MAX_ATTEMPTS, DrainedError
from worker_agent.sandboxes.runtime_api import How
from worker_agent.stores.durable_lane import Deferral, DurableLane
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def anew(put_off: Deferral | None) -> Invocation:
    """The Invocation as the lane brings it after a Deferral."""
    assert put_off
    return dataclasses.replace(put_off.invocation, enqueue_generation=put_off.invocation.enqueue_generation + 1)


def waiting(world: World, asked: Invocation) -> tuple[str, int]:
    """Status of the row, and the tries that are recorded."""
    key = {"invocation_id": {"S": asked.invocation_id}}
    item = world.dynamodb.get_item(TableName=world.data["InvocationsTable"], Key=key)["Item"]
    return item["status"]["S"], decode(Settlement, item["tried"]["S"]).tries if "tried" in item else 0


def retried(**changed: Any) -> Invocation:
    return asked(**{"mode": Mode.ASYNC, "retries": 2, **changed})


def total(settled: Settlement | None) -> tuple[int, int, int]:
    """Tries, billed time and requests of a record."""
    assert settled
    assert settled.charge
    return settled.tries, settled.charge.billed_us, settled.charge.request_pico_usd // 200_000


def test_a_functions_error_is_tried_again_after_a_pause_that_doubles_and_all_tries_are_one_record(
    world: World,
) -> None:
    one = world.accept(retried())
    fails(world)

    first = world.handler.handle(delivery(one))
    assert (first and first.after_s, *waiting(world, one)) == (1, Status.QUEUED, 1)
    second = world.handler.handle(delivery(anew(first)))
    assert (second and second.after_s, *waiting(world, one)) == (2, Status.QUEUED, 2)
    assert world.row(one)[1] is None
    assert world.handler.handle(delivery(anew(second))) is None

    status, settled = world.row(one)
    assert (status, *total(settled)) == (Status.FAILED, 3, 3 * 2000, 3)
    assert settled
    assert settled.usage
    assert (settled.usage.run_us, settled.usage.cpu_us, settled.usage.cold) == (3 * 1500, 3 * 700 + 50_000, True)
    assert world.metrics.text().count('status="failed"} 1.0') == 1


def test_a_try_that_succeeds_ends_it_and_is_billed_with_those_that_failed(world: World) -> None:
    one = world.accept(retried())
    fails(world)
    first = world.handler.handle(delivery(one))
    behaves(world, lambda *_: ran(payload=b'"at last"'))

    assert world.handler.handle(delivery(anew(first))) is None

    status, settled = world.row(one)
    assert (status, *total(settled)) == (Status.SUCCEEDED, 2, 4000, 2)
    assert settled
    assert settled.outcome.payload == '"at last"'


@pytest.mark.parametrize("retries", [0, 1])
def test_what_has_no_retry_left_ends_with_its_error(world: World, retries: int) -> None:
    one = world.accept(retried(retries=retries))
    fails(world)

    put_off = world.handler.handle(delivery(one))

    assert (put_off is None) is (retries == 0)
    assert waiting(world, one) == ((Status.FAILED, 0) if retries == 0 else (Status.QUEUED, 1))


@pytest.mark.parametrize("spare_us", [900_000, 60_000_000])
def test_no_try_follows_that_would_come_past_its_age(world: World, spare_us: int) -> None:
    one = retried()
    one = world.accept(dataclasses.replace(one, deadline_us=one.admitted_at_us + 3_000_000 + spare_us))
    fails(world)

    put_off = world.handler.handle(delivery(one))

    assert (put_off is None) is (spare_us == 900_000)
    assert world.row(one)[0] == (Status.FAILED if put_off is None else Status.QUEUED)


def test_a_retry_that_comes_too_late_or_too_often_leaves_the_error_of_the_try_before_it(world: World) -> None:
    for number, late in enumerate((True, False)):
        one = world.accept(retried(invocation_id=f"i-{number}"))
        fails(world)
        again = anew(world.handler.handle(delivery(one)))

        received_us = one.start_by_us + 1 if late else None
        world.handler.handle(delivery(again, attempt=1 if late else MAX_ATTEMPTS + 1, received_at_us=received_us))

        status, settled = world.row(one)
        assert (status, *total(settled)) == (Status.FAILED, 1, 2000, 1)
        assert settled
        assert settled.outcome.error_type == "ValueError"


def test_the_platforms_fault_is_no_try(world: World) -> None:
    one = world.accept(retried())
    world.handler.cancelled.set()

    with pytest.raises(DrainedError):
        world.handler.handle(delivery(one))

    assert waiting(world, one) == (Status.RUNNING, 0)


def test_who_dies_before_the_try_is_recorded_leaves_it_to_the_next_attempt_which_alone_is_billed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.accept(retried(retries=1))
    fails(world)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "retry", dies)
        with pytest.raises(DiedError):
            world.handler.handle(delivery(one))
    assert waiting(world, one) == (Status.RUNNING, 0)

    again = anew(world.handler.handle(delivery(one, attempt=2)))
    world.handler.handle(delivery(again))

    assert total(world.row(one)[1]) == (2, 4000, 2)


class DiedError(Exception):
    """The worker is killed here."""


def dies(*_: object) -> Any:
    raise DiedError


def test_who_dies_after_it_was_recorded_and_before_the_next_message_is_followed_by_one_that_sends_it(
    world: World,
) -> None:
    one = world.accept(retried(retries=1))
    fails(world)
    lost = world.handler.handle(delivery(one))  # and nobody lives to put it into the lane

    put_off = world.handler.handle(delivery(one, attempt=2))

    assert put_off == lost
    assert len(world.sandboxes.made[0].done) == 2  # one invoke, one rest
    world.handler.handle(delivery(anew(put_off)))
    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_who_dies_between_the_next_message_and_letting_go_leaves_two_messages_and_one_record(
    world: World, aws: Any
) -> None:
    queue = world.data["QueueUrl"]
    lane = DurableLane(aws("sqs"), queue, visibility_s=30, poll_s=1)
    one = world.accept(retried(retries=1))
    fails(world)
    first = world.handler.handle(delivery(one))
    second = world.handler.handle(delivery(one, attempt=2))
    for put_off in (first, second):
        assert put_off
        with pytest.raises(AwsUnavailableError):  # there is no such receipt to let go of
            lane.defer(delivery(one), put_off.invocation, 0)

    taken = [message for _ in range(2) for message in lane.receive(1)]
    for message in taken:
        assert world.handler.handle(message) is None

    assert len(taken) == 2
    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_a_write_whose_answer_was_lost_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.accept(retried(retries=1))
    fails(world)
    monkeypatch.setattr("worker_agent.lanes.handle.SETTLE_PAUSES_S", (0.0,))
    for name in ("retry", "settle"):
        monkeypatch.setattr(Ledger, name, answered_late(getattr(Ledger, name)))

    put_off = world.handler.handle(delivery(one))
    assert waiting(world, one) == (Status.QUEUED, 1)
    world.handler.handle(delivery(anew(put_off)))

    assert total(world.row(one)[1]) == (2, 4000, 2)


def answered_late(write: Any) -> Any:
    """Do the write, and fail the first time all the same."""
    lost = iter([True])

    def wrapped(*given: Any) -> Any:
        done = write(*given)
        if next(lost, False):
            raise AwsUnavailableError("the answer was lost")
        return done

    return wrapped


@pytest.mark.parametrize("inner_fails", [True, False])
def test_of_two_tries_that_overlap_the_first_to_be_recorded_counts_and_the_other_costs_nothing(
    world: World, inner_fails: bool
) -> None:
    one = world.accept(retried(retries=1))
    put_off: list[Deferral | None] = []

    def overtaken(*_: object) -> Any:
        if not put_off:
            put_off.append(None)
            put_off[0] = world.handler.handle(delivery(one, attempt=2))
            return ran(How.FAILED, b"{}")
        return ran(How.FAILED, b"{}") if inner_fails else ran(payload=b'"inner"')

    behaves(world, overtaken)
    outer = world.handler.handle(delivery(one))

    assert outer == put_off[0]  # both bring the next try, or neither
    if not inner_fails:
        assert total(world.row(one)[1]) == (1, 2000, 1)
        return
    assert waiting(world, one) == (Status.QUEUED, 1)
    world.handler.handle(delivery(anew(outer)))
    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_a_late_success_of_an_overtaken_try_loses_no_charge(world: World) -> None:
    one = world.accept(retried(retries=1))
    inner: list[Deferral | None] = []

    def overtaken(*_: object) -> Any:
        if inner:
            return ran(How.FAILED, b"{}")
        inner.append(None)
        inner[0] = world.handler.handle(delivery(one, attempt=2))
        return ran(payload=b'"late"')

    behaves(world, overtaken)
    outer = world.handler.handle(delivery(one))

    assert (outer, *waiting(world, one)) == (inner[0], Status.QUEUED, 1)
    world.handler.handle(delivery(anew(outer)))
    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_a_duplicate_of_a_try_that_is_recorded_while_the_next_is_under_way_is_dropped(world: World) -> None:
    one = world.accept(retried(retries=1))
    fails(world)
    again = anew(world.handler.handle(delivery(one)))

    def meanwhile(*_: object) -> Any:
        assert world.handler.handle(delivery(one, attempt=3)) is None
        return ran()

    behaves(world, meanwhile)
    world.handler.handle(delivery(again))

    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_between_two_tries_the_permit_is_free_for_another(world: World) -> None:
    one = world.accept(retried(permits=Permits(limit=1, reserved=False)))
    fails(world)

    put_off = world.handler.handle(delivery(one))

    assert put_off
    assert world.redis.zcard(keys.tenant_permits("t")) == 0
    RedisAdapter(world.redis).take_permit(asked(invocation_id="i-2", mode=Mode.ASYNC, permits=one.permits))
    blocked = world.handler.handle(delivery(anew(put_off)))
    assert blocked
    assert waiting(world, one) == (Status.QUEUED, 1)  # that it had to wait for a permit is no try
    RedisAdapter(world.redis).free_permit(asked(invocation_id="i-2"))
    last = world.handler.handle(delivery(anew(blocked)))
    assert (last and last.after_s, *waiting(world, one)) == (2, Status.QUEUED, 2)


def test_a_lease_of_the_try_before_does_not_keep_the_next_one_off(world: World) -> None:
    one = world.accept(retried())
    fails(world)
    real = world.sandboxes.behave

    def leased(*given: Any) -> Any:
        world.handler.hold(delivery(one), time.time_ns() // 1000 + 300_000_000)
        return real(*given)

    behaves(world, leased)
    again = anew(world.handler.handle(delivery(one)))
    fails(world)

    assert world.handler.handle(delivery(again))
    assert waiting(world, one) == (Status.QUEUED, 2)
