"""One Delivery to its one record, on moto's DynamoDB and S3 and a real Redis; only the sandboxes are stand-ins."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.contract import Invocation, Layer, Mode, Settlement, Status, decode, encode
from tests.builders import invocation, ran, version, zip_of
from tests.conftest import RedisServer
from tests.fakes import FakeSandboxes
from worker_agent.billing import Prices
from worker_agent.durable_lane import Delivery
from worker_agent.errors import AwsUnavailableError, ClaimHeldError, EngineUnavailableError
from worker_agent.execute import Executor
from worker_agent.handle import MAX_ATTEMPTS, MAX_LEDGER_ANSWER_BYTES, DrainedError, Handler
from worker_agent.ledger import Ledger
from worker_agent.pool import Pool
from worker_agent.redis_side import RedisSide
from worker_agent.runtime_api import How
from worker_agent.stems import Stems
from worker_agent.store import Store
from worker_agent.tracing import NoTracer

pytestmark = [pytest.mark.aws, pytest.mark.redis]

CODE = zip_of(main="def handler(e, c): pass")


@dataclass
class World:
    handler: Handler
    sandboxes: FakeSandboxes
    dynamodb: Any
    s3: Any
    data: dict[str, str]
    redis: redis.Redis

    def accept(self, asked: Invocation) -> Invocation:
        """Do what the controller does before it queues an Invocation."""
        self.dynamodb.put_item(
            TableName=self.data["InvocationsTable"],
            Item={
                "invocation_id": {"S": asked.invocation_id},
                "status": {"S": Status.QUEUED},
                "attempt": {"N": "0"},
            },
        )
        return asked

    def row(self, asked: Invocation) -> tuple[str, Settlement | None]:
        item = self.dynamodb.get_item(
            TableName=self.data["InvocationsTable"], Key={"invocation_id": {"S": asked.invocation_id}}
        )["Item"]
        settled = decode(Settlement, item["settlement"]["S"]) if "settlement" in item else None
        return item["status"]["S"], settled

    def answers(self, asked: Invocation) -> list[Settlement]:
        given: Any = self.redis.lrange(keys.answer(asked.invocation_id), 0, -1)
        return [decode(Settlement, text.decode()) for text in given]


@pytest.fixture
def world(aws: Any, data: dict[str, str], redis_client: redis.Redis) -> World:
    s3, dynamodb, sandboxes = aws("s3"), aws("dynamodb"), FakeSandboxes()
    store = Store(s3, data["BucketName"])
    s3.put_object(Bucket=data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=CODE)
    executor = Executor(Pool(2, 10_000), Stems(sandboxes, {}), store.code, Prices(16_666_700, 200_000, 1000))
    handler = Handler(Ledger(dynamodb, data["InvocationsTable"]), store, RedisSide(redis_client), executor, NoTracer())
    return World(handler, sandboxes, dynamodb, s3, data, redis_client)


def asked(**changed: Any) -> Invocation:
    return invocation(**{"version": version(CODE), **changed})


def delivery(of: Invocation, attempt: int = 1, received_at_us: int | None = None) -> Delivery:
    return Delivery(encode(of), "receipt", attempt, received_at_us or of.admitted_at_us + 1500)


def test_a_delivery_ends_in_one_record_one_charge_and_one_answer(world: World) -> None:
    one = world.accept(asked())

    world.handler.handle(delivery(one))

    status, settled = world.row(one)
    assert status == Status.SUCCEEDED
    assert settled
    assert settled.usage
    assert settled.charge
    assert (settled.outcome.payload, settled.usage.queue_us, settled.usage.cold) == ("{}", 1500, True)
    assert settled.usage.cpu_us == 700 + 50_000  # its start's CPU is this Invocation's as well
    assert settled.charge.billed_us == 2000
    assert "REPORT RequestId: i-1" in settled.outcome.log_tail
    assert world.answers(one) == [settled]


def test_a_second_delivery_is_neither_run_nor_billed_and_finds_the_same_record(world: World) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    _, first = world.row(one)

    world.handler.handle(delivery(one, attempt=2))

    assert world.row(one) == (Status.SUCCEEDED, first)
    assert len(world.sandboxes.made) == 1
    assert len(world.answers(one)) == 1


def test_an_answer_lost_between_record_and_caller_is_given_by_the_next_delivery(world: World) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    world.redis.flushall()

    world.handler.handle(delivery(one, attempt=2))

    assert [answer.attempt for answer in world.answers(one)] == [1]


def test_an_asynchronous_call_leaves_no_answer_for_anybody(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))

    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED
    assert world.answers(one) == []


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
    payloads = iter([b'"slow"', b'"quick"'])

    def overtaken(*_: object) -> Any:
        mine = next(payloads)
        if mine == b'"slow"':
            world.handler.handle(delivery(one, attempt=2))
        return ran(payload=mine)

    world.sandboxes.behave = overtaken
    world.handler.handle(delivery(one, attempt=1))

    _, settled = world.row(one)
    assert settled
    assert (settled.outcome.payload, settled.attempt) == ('"quick"', 2)
    assert [answer.outcome.payload for answer in world.answers(one)] == ['"quick"']


def test_what_the_ledger_does_not_know_is_dropped_unrun(world: World) -> None:
    world.handler.handle(delivery(asked()))

    assert world.sandboxes.made == []


def test_a_delivery_in_time_runs_and_one_past_its_time_is_told_so_and_not_billed(world: World) -> None:
    in_time, late = world.accept(asked()), world.accept(asked(invocation_id="i-2"))

    world.handler.handle(delivery(in_time, received_at_us=in_time.start_by_us))
    world.handler.handle(delivery(late, received_at_us=late.start_by_us + 1))

    assert world.row(in_time)[0] == Status.SUCCEEDED
    status, settled = world.row(late)
    assert status == Status.EXPIRED
    assert settled
    assert (settled.charge, settled.usage, settled.outcome.error_type) == (None, None, "Hearth.QueueTimeout")


def test_the_last_attempt_runs_and_the_one_after_it_gives_up(world: World) -> None:
    last, over = world.accept(asked()), world.accept(asked(invocation_id="i-2"))

    world.handler.handle(delivery(last, attempt=MAX_ATTEMPTS))
    world.handler.handle(delivery(over, attempt=MAX_ATTEMPTS + 1))

    assert world.row(last)[0] == Status.SUCCEEDED
    status, settled = world.row(over)
    assert status == Status.ABANDONED
    assert settled
    assert settled.charge is None
    assert world.answers(over) == [settled]


def test_the_platforms_fault_is_not_the_functions_outcome(world: World) -> None:
    one = world.accept(asked())
    world.sandboxes.down.set()

    with pytest.raises(EngineUnavailableError):
        world.handler.handle(delivery(one))

    assert world.row(one) == (Status.RUNNING, None)
    world.sandboxes.down.clear()
    world.handler.handle(delivery(one, attempt=2))
    assert world.row(one)[0] == Status.SUCCEEDED


@pytest.mark.parametrize("past", [0, 1])
def test_an_answer_too_large_for_the_ledger_goes_to_the_bucket(world: World, past: int) -> None:
    one = world.accept(asked())
    payload = b"1" * (MAX_LEDGER_ANSWER_BYTES + past)
    world.sandboxes.behave = lambda *_: ran(payload=payload)

    world.handler.handle(delivery(one))

    _, settled = world.row(one)
    assert settled
    if not past:
        assert settled.outcome.payload == payload.decode()
        return
    assert settled.outcome.payload is None
    stored = world.s3.get_object(Bucket=world.data["BucketName"], Key=keys.result("i-1"))["Body"].read()
    assert stored == payload


def test_an_event_too_large_for_the_queue_comes_from_the_bucket(world: World) -> None:
    one = world.accept(asked(payload=None))
    world.s3.put_object(Bucket=world.data["BucketName"], Key=keys.payload("i-1"), Body=b'{"big":1}')
    world.sandboxes.behave = lambda _, payload: ran(payload=payload)

    world.handler.handle(delivery(one))

    _, settled = world.row(one)
    assert settled
    assert settled.outcome.payload == '{"big":1}'


def test_layers_zips_are_fetched_by_their_digests_and_handed_over_in_order(world: World) -> None:
    zips = [zip_of(one="1"), zip_of(two="2")]
    layers = tuple(
        Layer(arn=f"arn:{n}", code_sha256=version(data).code_sha256, code_bytes=len(data), unpacked_bytes=1)
        for n, data in enumerate(zips)
    )
    for layer, data in zip(layers, zips, strict=True):
        world.s3.put_object(Bucket=world.data["BucketName"], Key=keys.code(layer.code_sha256), Body=data)
    one = world.accept(asked(version=version(CODE, layers=layers)))

    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED
    assert world.sandboxes.unpacked == [(*zips, CODE)]


def test_a_zip_that_is_not_what_was_uploaded_is_not_run(world: World) -> None:
    one = world.accept(asked())
    world.s3.put_object(Bucket=world.data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=b"else")

    with pytest.raises(AwsUnavailableError, match="not what was uploaded"):
        world.handler.handle(delivery(one))

    assert world.sandboxes.made == []


def test_without_redis_the_record_stands_all_the_same(world: World, redis_server: RedisServer) -> None:
    one = world.accept(asked())
    redis_server.stop()
    try:
        world.handler.handle(delivery(one))
    finally:
        redis_server.start()

    assert world.row(one)[0] == Status.SUCCEEDED


def test_a_run_that_the_agent_ends_itself_is_no_outcome(world: World) -> None:
    one = world.accept(asked())
    world.handler.cancelled.set()

    with pytest.raises(DrainedError):
        world.handler.handle(delivery(one))

    assert world.row(one) == (Status.RUNNING, None)


def test_a_record_in_place_is_never_overwritten(world: World, aws: Any, data: dict[str, str]) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    _, first = world.row(one)
    assert first

    won = Ledger(aws("dynamodb"), data["InvocationsTable"]).settle(dataclasses.replace(first, attempt=9))

    assert not won
    assert world.row(one)[1] == first


def test_a_functions_error_is_its_outcome_and_is_billed(world: World) -> None:
    one = world.accept(asked())
    error = {"errorType": "ValueError", "errorMessage": "no"}
    world.sandboxes.behave = lambda *_: ran(How.FAILED, json.dumps(error).encode())

    world.handler.handle(delivery(one))

    status, settled = world.row(one)
    assert settled
    assert settled.charge
    assert (status, settled.outcome.error_type, settled.charge.billed_us) == (Status.FAILED, "ValueError", 2000)
