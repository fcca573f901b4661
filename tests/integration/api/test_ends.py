"""How an Invocation ended, as its owner's queue and functions are told; on moto, by the app's own handler."""

import dataclasses
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from app import ends
from chalicelib.errors import HearthError
from chalicelib.invocations.completion_events import MAX_CHAIN, MAX_RECORD_BYTES
from chalicelib.naming import account

from shared_lua.codec import encode
from shared_lua.contract import Invocation, Outcome, Settlement, Status
from tests.integration.api.conftest import Worker, settlement_of, success
from tests.integration.api.test_lambda_api import create

pytestmark = [pytest.mark.aws, pytest.mark.redis]

ARN = f"arn:aws:lambda:us-east-1:{account('acme')}:function:hello"
ERROR = '{"errorMessage":"no","errorType":"ValueError"}'
FAILED = Outcome(status=Status.FAILED, payload=ERROR, error_type="ValueError")


@dataclass(frozen=True)
class World:
    """A tenant with a function `hello`, a queue of its own, and somebody who ends Invocations."""

    boto: Any
    worker: Worker
    queue_url: str
    queue_arn: str

    def ended(self, outcome: Outcome, event: bytes = b'{"n":1}', **changed: Any) -> Invocation:
        """An Invocation that was admitted, and has ended so; both its listeners are the tenant's queue."""
        self.boto.invoke(FunctionName="hello", InvocationType="Event", Payload=event)
        invocation = dataclasses.replace(
            self.worker.take(), **({"on_success": self.queue_arn, "on_failure": self.queue_arn} | changed)
        )
        self.settle(settlement_of(invocation.invocation_id, outcome))
        return invocation

    def settle(self, settlement: Settlement, **changed: Any) -> None:
        self.worker.settle(dataclasses.replace(settlement, **changed))

    def told(self) -> list[Any]:
        """Take what is in the tenant's queue."""
        found = self.worker.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=600
        )
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    def queued(self) -> int:
        name = "ApproximateNumberOfMessages"
        url = self.worker.data["QueueUrl"]
        counted = self.worker.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(counted["Attributes"][name])


@pytest.fixture
def world(boto: Any, worker: Worker) -> World:
    create(boto)
    name = f"hearth-to-{account('acme')}-{uuid.uuid4().hex[:8]}"
    url = worker.sqs.create_queue(QueueName=name)["QueueUrl"]
    return World(boto, worker, url, f"arn:aws:sqs:us-east-1:123456789012:{name}")


def tell(invocation: Invocation) -> None:
    """Give the handler the event that Lambda would."""
    ends({"Records": [{"body": encode(invocation), "receiptHandle": "r"}]}, None)


def test_a_success_is_told_in_awss_words(world: World) -> None:
    one = world.ended(success())

    tell(one)

    assert world.told() == [
        {
            "version": "1.0",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "requestContext": {
                "requestId": one.invocation_id,
                "functionArn": f"{ARN}:$LATEST",
                "condition": "Success",
                "approximateInvokeCount": 1,
            },
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": {"hello": "world"},
        }
    ]


@pytest.mark.parametrize(
    ("tries", "retries", "condition"),
    [(3, 2, "RetriesExhausted"), (1, 0, "RetriesExhausted"), (2, 2, "EventAgeExceeded")],
)
def test_a_failure_says_whether_its_tries_or_its_time_ran_out(
    world: World, tries: int, retries: int, condition: str
) -> None:
    one = world.ended(FAILED, retries=retries)
    world.settle(settlement_of(one.invocation_id, FAILED), tries=tries)

    tell(one)

    [record] = world.told()
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["approximateInvokeCount"] == tries
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"] == json.loads(ERROR)


@pytest.mark.parametrize(
    ("status", "condition"), [(Status.EXPIRED, "EventAgeExceeded"), (Status.ABANDONED, "RetriesExhausted")]
)
def test_what_never_ran_is_told_without_a_response(world: World, status: Status, condition: str) -> None:
    one = world.ended(Outcome(status=status, payload="{}", executed=False))

    tell(one)

    [record] = world.told()
    assert record["requestContext"] | {"condition": condition, "approximateInvokeCount": 0} == record["requestContext"]
    assert "responseContext" not in record
    assert "responsePayload" not in record


def test_only_who_is_to_hear_of_this_end_is_told(world: World) -> None:
    tell(world.ended(FAILED, on_failure=None))
    tell(world.ended(success(), on_success=None))

    assert world.told() == []


def test_an_event_and_an_answer_that_were_too_large_are_fetched(world: World, aws: Any, data: dict[str, str]) -> None:
    one = world.ended(success(None), json.dumps("e" * 140_000).encode())
    assert one.payload is None
    key = f"results/{one.invocation_id}.json"
    aws("s3").put_object(Bucket=data["BucketName"], Key=key, Body=json.dumps("a" * 100_000).encode())

    tell(one)

    [record] = world.told()
    assert (record["requestPayload"], record["responsePayload"]) == ("e" * 140_000, "a" * 100_000)


@pytest.mark.parametrize("past", [0, 1])
def test_a_record_too_large_for_a_message_goes_without_the_answer(
    world: World, aws: Any, data: dict[str, str], past: int
) -> None:
    one = world.ended(success('""'))
    tell(one)
    rest = len(json.dumps(world.told()[0], separators=(",", ":")))
    answer = "a" * (MAX_RECORD_BYTES - rest + past)
    world.settle(settlement_of(one.invocation_id, success(None)))
    key = f"results/{one.invocation_id}.json"
    aws("s3").put_object(Bucket=data["BucketName"], Key=key, Body=json.dumps(answer).encode())

    tell(one)

    [record] = world.told()
    assert record["responsePayload"] == (None if past else answer)
    assert record["requestPayload"] == {"n": 1}


def test_a_function_is_run_with_the_record_once_however_often_it_is_told(world: World) -> None:
    one = world.ended(FAILED, on_failure=ARN)

    for _ in range(2):
        try:
            tell(one)
        except HearthError as error:
            assert "Another process" in str(error)  # noqa: PT017  (the second may come too soon to know)

    following = world.worker.take()
    assert following.payload
    assert json.loads(following.payload)["requestContext"]["requestId"] == one.invocation_id
    assert (following.mode, following.chain, following.retries) == ("async", 1, 2)
    assert world.queued() == 0


def test_a_large_record_reaches_a_function_whole(world: World, aws: Any, data: dict[str, str]) -> None:
    one = world.ended(success(json.dumps("a" * 150_000)), on_success=ARN)

    tell(one)

    following = world.worker.take()
    assert following.payload is None
    key = f"payloads/{following.invocation_id}.json"
    stored = aws("s3").get_object(Bucket=data["BucketName"], Key=key)["Body"].read()
    assert json.loads(stored)["responsePayload"] == "a" * 150_000


@pytest.mark.parametrize("past", [0, 1])
def test_a_chain_of_destinations_ends(world: World, past: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tell(world.ended(success(), on_success=ARN, chain=MAX_CHAIN - 1 + past))

    cut = [record for record in caplog.records if record.__dict__.get("action") == "chain_cut"]
    assert (world.queued(), len(cut)) == (1 - past, past)


def gone_queue(world: World) -> str:
    return world.queue_arn + "-gone"


def gone_function(_: World) -> str:
    return ARN + "-gone"


@pytest.mark.parametrize("where", [gone_queue, gone_function])
def test_a_destination_that_is_gone_is_logged_and_left_to_the_queue(
    world: World, where: Callable[[World], str], caplog: pytest.LogCaptureFixture
) -> None:
    one = world.ended(success(), on_success=where(world))

    with caplog.at_level(logging.WARNING), pytest.raises(HearthError):
        tell(one)

    assert [record.__dict__["action"] for record in caplog.records if record.name == "hearth"] == [
        "completion_not_delivered"
    ]


def test_a_destination_that_is_not_the_tenants_is_not_written_to_even_when_the_message_names_it(world: World) -> None:
    name = f"hearth-to-{account('stranger')}-{uuid.uuid4().hex[:8]}"
    url = world.worker.sqs.create_queue(QueueName=name)["QueueUrl"]
    one = world.ended(success(), on_success=f"arn:aws:sqs:us-east-1:123456789012:{name}")

    with pytest.raises(HearthError, match="not yours"):
        tell(one)

    assert "Messages" not in world.worker.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)
