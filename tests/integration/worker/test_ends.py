"""The ends that a worker tells of: which, and that none is lost."""

from typing import Any

import pytest

from shared_lua.codec import decode
from shared_lua.contract import Invocation, Mode, Status
from tests.integration.worker.handling import World, asked, delivery, fails
from worker_agent.errors import AwsUnavailableError
from worker_agent.stores.completion_events import CompletionEvents

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def ends(world: World, aws: Any) -> list[Invocation]:
    """Take the completion events that were sent."""
    found = []
    while (
        messages := aws("sqs")
        .receive_message(QueueUrl=world.data["CompletionQueueUrl"], WaitTimeSeconds=0)
        .get("Messages")
    ):
        for message in messages:
            aws("sqs").delete_message(QueueUrl=world.data["CompletionQueueUrl"], ReceiptHandle=message["ReceiptHandle"])
            found.append(decode(Invocation, message["Body"]))
    return found


def test_who_dies_after_the_record_and_before_letting_go_is_followed_by_one_that_only_tells_again(
    world: World, aws: Any
) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, on_failure="arn:aws:sqs:us-east-1:1:q"))
    fails(world)
    world.handler.handle(delivery(one))
    _, settled = world.row(one)

    world.handler.handle(delivery(one, attempt=2))

    assert world.row(one)[1] == settled
    assert ends(world, aws) == [one, one]


@pytest.mark.parametrize(
    ("told", "fails_now", "expected"),
    [
        ({"on_success": "arn:s"}, False, 1),
        ({"on_success": "arn:s"}, True, 0),
        ({"on_failure": "arn:f"}, True, 1),
        ({"on_failure": "arn:f"}, False, 0),
        ({}, True, 0),
    ],
)
def test_an_end_is_told_only_where_there_is_a_destination(
    world: World, aws: Any, told: dict[str, str], fails_now: bool, expected: int
) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, **told))
    if fails_now:
        fails(world)

    world.handler.handle(delivery(one))

    assert ends(world, aws) == [one] * expected


def test_what_never_ran_is_told_as_a_failure(world: World, aws: Any) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, on_failure="arn:f"))

    world.handler.handle(delivery(one, received_at_us=one.start_by_us + 1))

    assert world.row(one)[0] == Status.EXPIRED
    assert ends(world, aws) == [one]


def test_an_end_that_could_not_be_told_is_told_by_the_next_delivery(world: World, aws: Any) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, on_success="arn:s"))
    gone = CompletionEvents(aws("sqs"), world.data["CompletionQueueUrl"] + "-gone")
    kept, world.handler._completion_events = world.handler._completion_events, gone

    with pytest.raises(AwsUnavailableError, match="say that an invocation has ended"):
        world.handler.handle(delivery(one))
    world.handler._completion_events = kept
    world.handler.handle(delivery(one, attempt=2))

    assert ends(world, aws) == [one]
    assert len(world.sandboxes.made) == 1


def test_without_a_queue_for_ends_the_record_stands_all_the_same(world: World, aws: Any) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, on_success="arn:s"))
    world.handler._completion_events = CompletionEvents(aws("sqs"), None)

    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED
