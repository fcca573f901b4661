"""Who has the claim to an Invocation: deliveries that come twice, overlap or are left by a crash end in one record."""

import dataclasses
from typing import Any

import pytest

from shared_lua.codec import encode
from shared_lua.contract import Invocation, Status
from tests.builders import ran
from tests.integration.worker.handling import World, asked, delivery, overtake
from worker_agent.errors import AwsUnavailableError, ClaimHeldError
from worker_agent.stores.durable_lane import MAX_DELAY_S, Delivery, DurableLane
from worker_agent.stores.ledger import Ledger

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_a_second_delivery_is_neither_run_nor_billed_and_finds_the_same_record(world: World) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    _, first = world.row(one)

    world.handler.handle(delivery(one, attempt=2))

    assert world.row(one) == (Status.SUCCEEDED, first)
    assert len(world.sandboxes.made) == 1
    assert len(world.answers(one)) == 1


def test_a_duplicate_of_a_delivery_under_way_is_left_alone(world: World) -> None:
    one = world.accept(asked())

    def meanwhile(*_: object) -> Any:
        with pytest.raises(ClaimHeldError):
            world.handler.handle(delivery(one))
        return ran()

    world.sandboxes.behave = meanwhile
    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED


def test_of_two_attempts_that_overlap_the_first_to_settle_counts(world: World) -> None:
    one = world.accept(asked())
    overtake(world, one)
    world.handler.handle(delivery(one, attempt=1))

    _, settled = world.row(one)
    assert settled
    assert (settled.outcome.payload, settled.attempt) == ('"quick"', 2)
    assert [answer.outcome.payload for answer in world.answers(one)] == ['"quick"']


def test_what_the_ledger_does_not_know_is_dropped_unrun(world: World) -> None:
    world.handler.handle(delivery(asked()))

    assert world.sandboxes.made == []


def test_only_the_settlement_that_stands_is_counted(world: World) -> None:
    one = world.accept(asked())
    overtake(world, one)
    world.handler.handle(delivery(one))
    world.handler.handle(delivery(one, attempt=3))

    assert 'outcomes_total{error_type="",status="succeeded"} 1.0' in world.metrics.text()
    assert "billed_microseconds_total 2000.0" in world.metrics.text()


def test_of_two_copies_that_a_crash_left_one_is_settled_whichever_comes_first(world: World) -> None:
    for n, order in enumerate(([0, 1], [1, 0])):
        one = world.accept(asked(invocation_id=f"i-{n}"))
        for enqueue_generation in order:
            assert (
                world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=enqueue_generation))) is None
            )
        assert world.row(one)[0] == Status.SUCCEEDED
        assert len(world.answers(one)) == 1

    assert len([what for sandbox in world.sandboxes.made for what in sandbox.done if what == "invoke"]) == 2


def test_an_old_copy_is_dropped_while_the_new_one_runs_and_a_newer_one_overtakes_it(world: World) -> None:
    one = world.accept(asked())
    nested = []

    def meanwhile(asked: Invocation, _: bytes) -> Any:
        if asked.enqueue_generation == 1:
            nested.append(world.handler.handle(delivery(one, attempt=5)))
            with pytest.raises(ClaimHeldError):
                world.handler.handle(delivery(asked))
        return ran(payload=b"1")

    world.sandboxes.behave = meanwhile
    world.handler.handle(delivery(dataclasses.replace(one, enqueue_generation=1)))

    assert nested == [None]
    assert world.row(one)[0] == Status.SUCCEEDED
    assert len(world.answers(one)) == 1


class Crashing(DurableLane):
    """A lane whose worker dies before the old message is let go of."""

    def acknowledge(self, delivery: Delivery) -> None:
        raise AwsUnavailableError("dead")


@pytest.mark.parametrize("delay_s", [0, MAX_DELAY_S, MAX_DELAY_S + 1])
def test_a_crash_between_the_new_message_and_the_end_of_the_old_leaves_both(
    world: World, aws: Any, delay_s: int
) -> None:
    sqs, queue = aws("sqs"), world.data["QueueUrl"]
    one = asked()
    sqs.send_message(QueueUrl=queue, MessageBody=encode(one))
    lane = Crashing(sqs, queue, visibility_s=30, poll_s=1)
    [old] = lane.receive(1)

    with pytest.raises(AwsUnavailableError):
        lane.defer(old, one, delay_s)

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
             "ApproximateNumberOfMessagesDelayed"]  # fmt: skip
    there = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    assert [int(there[name]) for name in names] == ([1, 1, 0] if delay_s == 0 else [0, 1, 1])


def test_new_and_deferred_messages_are_in_their_tenants_group(world: World, aws: Any) -> None:
    sqs, queue = aws("sqs"), world.data["QueueUrl"]
    lane = DurableLane(sqs, queue, visibility_s=30, poll_s=1)
    lane.send(asked())
    [old] = lane.receive(1)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=old.receipt, VisibilityTimeout=0)

    assert group_of_the_next(sqs, queue) == "t"
    lane.defer(old, asked(), 0)
    assert group_of_the_next(sqs, queue) == "t"


def group_of_the_next(sqs: Any, queue: str) -> str:
    """Receive a message and give its group, by which SQS is fair to tenants."""
    answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, AttributeNames=["MessageGroupId"])
    return str(answer["Messages"][0]["Attributes"]["MessageGroupId"])


def test_a_record_in_place_is_never_overwritten(world: World, aws: Any, data: dict[str, str]) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    _, first = world.row(one)
    assert first

    ledger = Ledger(aws("dynamodb"), data["InvocationsTable"], data["ItemsTable"])
    won = ledger.settle(one.version, dataclasses.replace(first, attempt=9), 0)

    assert not won
    assert world.row(one)[1] == first
