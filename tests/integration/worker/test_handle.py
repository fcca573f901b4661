"""One Delivery to its one record, on moto's DynamoDB and S3 and a real Redis; only the sandboxes are stand-ins."""

import dataclasses
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.contract import Invocation, Layer, Mode, Outcome, Seats, Settlement, Status, decode, encode
from shared_lua.sums import KEEP_DAYS, Sums, day_of, sums_of
from tests.builders import invocation, ran, version, zip_of
from tests.conftest import RedisServer
from tests.fakes import FakeSandboxes
from worker_agent.billing import Prices
from worker_agent.durable_lane import MAX_DELAY_S, Delivery, DurableLane, Postponement
from worker_agent.ends import Ends
from worker_agent.engine_watch import EngineWatch
from worker_agent.errors import AwsUnavailableError, ClaimHeldError
from worker_agent.execute import Executor
from worker_agent.handle import (
    FIRST_PAUSE_S,
    MAX_ATTEMPTS,
    MAX_LEDGER_ANSWER_BYTES,
    SYNC_PAUSE_S,
    DrainedError,
    Handler,
)
from worker_agent.ledger import Ledger
from worker_agent.metrics import Metrics
from worker_agent.pool import Pool
from worker_agent.presence import FOR_MS, Presence, new_worker
from worker_agent.redis_side import RedisSide
from worker_agent.runtime_api import How
from worker_agent.sandbox import Ran
from worker_agent.stems import Stems
from worker_agent.store import Store
from worker_agent.tracing import NoTracer

pytestmark = [pytest.mark.aws, pytest.mark.redis]

CODE = zip_of(main="def handler(e, c): pass")
#: A Settlement of the second day of 1970, of a run that took and cost nothing.
SETTLED = Settlement(
    invocation_id="i-1",
    outcome=Outcome(status=Status.SUCCEEDED, payload="1"),
    attempt=1,
    settled_at_us=86_400_000_000,
)


@dataclass
class World:
    handler: Handler
    sandboxes: FakeSandboxes
    stems: Stems
    watch: EngineWatch
    metrics: Metrics
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

    def sums(self, tenant: str = "t") -> dict[str, Sums]:
        """What the tenant's days add up to, by day and function."""
        owner = {":owner": {"S": keys.usage_parts(tenant)}}
        items = self.dynamodb.query(
            TableName=self.data["PartsTable"],
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=owner,
        )["Items"]
        found: dict[str, Sums] = {}
        for item in items:
            name = item["part"]["S"].rpartition("/")[0]
            numbers = {field: int(item[field]["N"]) for field in Sums().fields()}
            found[name] = found.get(name, Sums()) + Sums(**numbers)
        return found

    def answers(self, asked: Invocation) -> list[Settlement]:
        given: Any = self.redis.lrange(keys.answer(asked.invocation_id), 0, -1)
        return [decode(Settlement, text.decode()) for text in given]


@pytest.fixture
def world(aws: Any, data: dict[str, str], redis_client: redis.Redis) -> World:
    s3, dynamodb, sandboxes = aws("s3"), aws("dynamodb"), FakeSandboxes()
    store = Store(s3, data["BucketName"])
    s3.put_object(Bucket=data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=CODE)
    stems, redis_side = Stems(sandboxes, {}), RedisSide(redis_client)
    watch, metrics = EngineWatch(sandboxes, Presence(redis_side, new_worker(8))), Metrics()
    handler = Handler(
        ledger=Ledger(dynamodb, data["InvocationsTable"], data["PartsTable"]),
        store=store,
        redis_side=redis_side,
        executor=Executor(Pool(2, 10_000), stems, store.code, Prices(16_666_700, 200_000, 1000)),
        engine=watch,
        metrics=metrics,
        tracer=NoTracer(),
        ends=Ends(aws("sqs"), data["EndsUrl"]),
        retry_pause_s=1,
    )
    return World(handler, sandboxes, stems, watch, metrics, dynamodb, s3, data, redis_client)


def asked(**changed: Any) -> Invocation:
    return invocation(**{"version": version(CODE), **changed})


def delivery(of: Invocation, attempt: int = 1, received_at_us: int | None = None) -> Delivery:
    return Delivery(encode(of), "receipt", attempt, received_at_us or of.admitted_at_us + 1500)


def test_what_nobody_waits_for_runs_only_with_a_seat_and_gives_it_back(world: World) -> None:
    seats = Seats(limit=1, reserved=False)
    first, second = (asked(invocation_id=f"i-{n}", mode=Mode.ASYNC, seats=seats) for n in range(2))
    for one in (first, second):
        world.accept(one)
    RedisSide(world.redis).take_seat(first)

    put_off = world.handler.handle(delivery(second))

    assert isinstance(put_off, Postponement)
    assert put_off.after_s == FIRST_PAUSE_S
    assert world.row(second)[0] == "queued"
    world.handler.handle(delivery(first))
    assert world.handler.handle(delivery(second)) is None
    assert world.redis.zcard(keys.tenant_seats("t")) == 0


def test_what_waits_for_the_engine_leaves_its_seat_to_others(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, seats=Seats(limit=1, reserved=False)))
    world.sandboxes.down.set()

    assert isinstance(world.handler.handle(delivery(one)), Postponement)

    assert world.redis.zcard(keys.tenant_seats("t")) == 0


def test_without_redis_what_was_accepted_runs_uncounted(world: World, redis_server: RedisServer) -> None:
    one = asked(mode=Mode.ASYNC, seats=Seats(limit=1, reserved=True))
    world.accept(one)

    redis_server.stop()
    try:
        assert world.handler.handle(delivery(one)) is None
    finally:
        redis_server.start()

    assert world.row(one)[0] == "succeeded"


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


def test_what_is_given_up_is_kept_whole_and_what_ran_is_not(world: World) -> None:
    late, over, ran_well = (world.accept(asked(invocation_id=f"i-{n}", payload=f"[{n}]")) for n in range(3))

    world.handler.handle(delivery(late, received_at_us=late.start_by_us + 1))
    world.handler.handle(delivery(over, attempt=MAX_ATTEMPTS + 1))
    world.handler.handle(delivery(ran_well))

    listed = world.s3.list_objects_v2(Bucket=world.data["BucketName"], Prefix="undone/")["Contents"]
    stored = [world.s3.get_object(Bucket=world.data["BucketName"], Key=one["Key"])["Body"].read() for one in listed]
    assert [one["Key"] for one in listed] == [keys.undone(late.invocation_id), keys.undone(over.invocation_id)]
    assert [decode(Invocation, text.decode()) for text in stored] == [late, over]


def test_what_cannot_be_kept_has_its_record_and_its_answer_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = world.accept(asked())

    def fail(*_: object) -> None:
        raise AwsUnavailableError("S3 is away")

    monkeypatch.setattr(Store, "put_undone", fail)

    world.handler.handle(delivery(over, attempt=MAX_ATTEMPTS + 1))

    assert world.row(over)[0] == Status.ABANDONED
    assert len(world.answers(over)) == 1


def test_the_platforms_fault_is_not_the_functions_outcome(world: World) -> None:
    one = world.accept(asked())

    def lost(*_: object) -> Any:
        raise AwsUnavailableError("the platform failed")

    world.sandboxes.behave = lost

    with pytest.raises(AwsUnavailableError):
        world.handler.handle(delivery(one))

    assert world.row(one) == (Status.RUNNING, None)
    world.sandboxes.behave = lambda *_: ran()
    world.handler.handle(delivery(one, attempt=2))
    assert world.row(one)[0] == Status.SUCCEEDED


def stop_engine(world: World) -> None:
    """Let the engine be down, and found out."""
    world.sandboxes.down.set()
    assert not world.watch.look()


def test_an_engine_that_is_found_dead_costs_no_attempt_of_what_nobody_waits_for(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))
    world.sandboxes.down.set()

    assert world.handler.handle(delivery(one)) == Postponement(one, FIRST_PAUSE_S)

    assert world.watch.is_down
    world.sandboxes.down.clear()
    world.watch._mend()
    anew = dataclasses.replace(one, hand_over=1)
    assert world.handler.handle(delivery(anew)) is None
    status, settled = world.row(one)
    assert (status, settled and settled.attempt) == (Status.SUCCEEDED, 1)


def test_while_the_engine_is_down_what_nobody_waits_for_is_put_off_unclaimed_longer_each_time(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, deadline_us=invocation().deadline_us + 3_600_000_000))
    stop_engine(world)

    pauses = [world.handler.handle(delivery(dataclasses.replace(one, hand_over=n))) for n in range(7)]

    assert [pause and pause.after_s for pause in pauses] == [2, 4, 8, 16, 32, 60, 60]
    assert world.row(one) == (Status.QUEUED, None)


def test_nothing_is_put_off_much_past_the_time_by_which_it_must_start(world: World) -> None:
    one = asked(mode=Mode.ASYNC)
    one = world.accept(dataclasses.replace(one, deadline_us=one.admitted_at_us + 5_500_000))  # 2.5 s to start, 3 to run
    stop_engine(world)

    put_off = world.handler.handle(delivery(dataclasses.replace(one, hand_over=5)))
    world.handler.handle(delivery(dataclasses.replace(one, hand_over=6), received_at_us=one.start_by_us + 1))

    assert put_off
    assert put_off.after_s in (2, 3)
    assert world.row(one)[0] == Status.EXPIRED


def test_an_engine_that_dies_between_the_look_and_the_claim_costs_no_attempt_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))
    claim = Ledger.claim

    def meanwhile(ledger: Ledger, invocation_id: str, fence: int, tries: int) -> Settlement | None:
        stop_engine(world)
        return claim(ledger, invocation_id, fence, tries)

    monkeypatch.setattr(Ledger, "claim", meanwhile)

    assert world.handler.handle(delivery(one)) == Postponement(one, FIRST_PAUSE_S)

    assert world.row(one) == (Status.RUNNING, None)


def test_only_the_settlement_that_stands_is_counted(world: World) -> None:
    one = world.accept(asked())
    runs = iter(["first", "second"])

    def overtaken(*_: object) -> Any:
        if next(runs) == "first":
            world.handler.handle(delivery(one, attempt=2))
        return ran()

    world.sandboxes.behave = overtaken
    world.handler.handle(delivery(one))
    world.handler.handle(delivery(one, attempt=3))

    assert 'outcomes_total{error_type="",status="succeeded"} 1.0' in world.metrics.text()
    assert "billed_microseconds_total 2000.0" in world.metrics.text()


@pytest.mark.parametrize("found_before", [True, False])
def test_while_the_engine_is_down_who_waits_is_told_at_once_and_nothing_is_billed(
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
    RedisSide(world.redis).announce("another", able=True, free=-1, for_ms=FOR_MS)

    assert world.handler.handle(delivery(one)) == Postponement(one, SYNC_PAUSE_S)

    RedisSide(world.redis).announce("another", able=False, free=-1, for_ms=FOR_MS)
    assert world.handler.handle(delivery(dataclasses.replace(one, hand_over=1))) is None
    assert world.row(one)[0] == Status.ABANDONED


def test_a_workers_word_that_it_can_expires(world: World) -> None:
    RedisSide(world.redis).announce("dead", able=True, free=-1, for_ms=1)
    RedisSide(world.redis).announce("living", able=True, free=-1, for_ms=60_000)

    while (able := RedisSide(world.redis).able()) != {"living"}:
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


def test_without_redis_who_waits_is_not_given_up(world: World, redis_server: RedisServer) -> None:
    one = world.accept(asked())
    stop_engine(world)
    redis_server.stop()
    try:
        assert world.handler.handle(delivery(one)) == Postponement(one, SYNC_PAUSE_S)
    finally:
        redis_server.start()


def test_of_two_copies_that_a_crash_left_one_is_settled_whichever_comes_first(world: World) -> None:
    for n, order in enumerate(([0, 1], [1, 0])):
        one = world.accept(asked(invocation_id=f"i-{n}"))
        for hand_over in order:
            assert world.handler.handle(delivery(dataclasses.replace(one, hand_over=hand_over))) is None
        assert world.row(one)[0] == Status.SUCCEEDED
        assert len(world.answers(one)) == 1

    assert len([what for sandbox in world.sandboxes.made for what in sandbox.done if what == "invoke"]) == 2


def test_an_old_copy_is_dropped_while_the_new_one_runs_and_a_newer_one_overtakes_it(world: World) -> None:
    one = world.accept(asked())
    nested = []

    def meanwhile(asked: Invocation, _: bytes) -> Any:
        if asked.hand_over == 1:
            nested.append(world.handler.handle(delivery(one, attempt=5)))
            with pytest.raises(ClaimHeldError):
                world.handler.handle(delivery(asked))
        return ran(payload=b"1")

    world.sandboxes.behave = meanwhile
    world.handler.handle(delivery(dataclasses.replace(one, hand_over=1)))

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
        lane.postpone(old, one, delay_s)

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
             "ApproximateNumberOfMessagesDelayed"]  # fmt: skip
    there = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    assert [int(there[name]) for name in names] == ([1, 1, 0] if delay_s == 0 else [0, 1, 1])


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


def test_an_answer_that_only_json_makes_too_large_for_the_ledger_goes_to_the_bucket(world: World) -> None:
    one = world.accept(asked())
    payload = b"\x01" * (MAX_LEDGER_ANSWER_BYTES // 2)  # a custom runtime may answer anything
    world.sandboxes.behave = lambda *_: ran(payload=payload, log="\x01" * 5000)

    world.handler.handle(delivery(one))

    _, settled = world.row(one)
    assert settled
    assert settled.outcome.payload is None
    assert len(encode(settled).encode()) < 400_000
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

    ledger = Ledger(aws("dynamodb"), data["InvocationsTable"], data["PartsTable"])
    won = ledger.settle(one.version, dataclasses.replace(first, attempt=9))

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


def fails(world: World, error_type: str = "ValueError") -> None:
    """Let the function fail from now on."""
    error = {"errorType": error_type, "errorMessage": "no"}
    behaves(world, lambda *_: ran(How.FAILED, json.dumps(error).encode()))


def behaves(world: World, how: Callable[[Invocation, bytes], Ran]) -> None:
    """Let the function behave so from now on, also where it is warm."""
    world.sandboxes.behave = how
    for sandbox in world.sandboxes.made:
        sandbox.behave = how


def anew(put_off: Postponement | None) -> Invocation:
    """The Invocation as the lane brings it after a Postponement."""
    assert put_off
    return dataclasses.replace(put_off.invocation, hand_over=put_off.invocation.hand_over + 1)


def waiting(world: World, asked: Invocation) -> tuple[str, int]:
    """Status of the row, and the tries that are recorded."""
    key = {"invocation_id": {"S": asked.invocation_id}}
    item = world.dynamodb.get_item(TableName=world.data["InvocationsTable"], Key=key)["Item"]
    return item["status"]["S"], int(item["tries"]["N"]) if "tries" in item else 0


def ends(world: World, aws: Any) -> list[Invocation]:
    """What whoever delivers was told, and takes."""
    found = []
    while messages := aws("sqs").receive_message(QueueUrl=world.data["EndsUrl"], WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            aws("sqs").delete_message(QueueUrl=world.data["EndsUrl"], ReceiptHandle=message["ReceiptHandle"])
            found.append(decode(Invocation, message["Body"]))
    return found


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
        patch.setattr(Ledger, "put_back", dies)
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
            lane.postpone(delivery(one), put_off.invocation, 0)

    taken = [message for _ in range(2) for message in lane.receive(1)]
    for message in taken:
        assert world.handler.handle(message) is None

    assert len(taken) == 2
    assert total(world.row(one)[1]) == (2, 4000, 2)


def test_who_dies_after_the_record_and_before_letting_go_is_followed_by_one_that_only_tells_again(
    world: World, aws: Any
) -> None:
    one = world.accept(retried(retries=0, on_failure="arn:aws:sqs:us-east-1:1:q"))
    fails(world)
    world.handler.handle(delivery(one))
    _, settled = world.row(one)

    world.handler.handle(delivery(one, attempt=2))

    assert world.row(one)[1] == settled
    assert ends(world, aws) == [one, one]


def test_a_write_whose_answer_was_lost_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.accept(retried(retries=1))
    fails(world)
    monkeypatch.setattr("worker_agent.handle.SETTLE_PAUSES_S", (0.0,))
    for name in ("put_back", "settle"):
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
    put_off: list[Postponement | None] = []

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
    inner: list[Postponement | None] = []

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


def test_between_two_tries_somebody_else_has_the_seat(world: World) -> None:
    one = world.accept(retried(seats=Seats(limit=1, reserved=False)))
    fails(world)

    put_off = world.handler.handle(delivery(one))

    assert put_off
    assert world.redis.zcard(keys.tenant_seats("t")) == 0
    RedisSide(world.redis).take_seat(asked(invocation_id="i-2", mode=Mode.ASYNC, seats=one.seats))
    blocked = world.handler.handle(delivery(anew(put_off)))
    assert blocked
    assert blocked.invocation.tries == 1  # that it had to wait for a seat is no try
    assert waiting(world, one) == (Status.QUEUED, 1)


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
def test_an_end_is_told_only_where_somebody_wants_to_hear_of_it(
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
    gone = Ends(aws("sqs"), world.data["EndsUrl"] + "-gone")
    kept, world.handler._ends = world.handler._ends, gone

    with pytest.raises(AwsUnavailableError, match="say that an invocation has ended"):
        world.handler.handle(delivery(one))
    world.handler._ends = kept
    world.handler.handle(delivery(one, attempt=2))

    assert ends(world, aws) == [one]
    assert len(world.sandboxes.made) == 1


def test_without_a_queue_for_ends_the_record_stands_all_the_same(world: World, aws: Any) -> None:
    one = world.accept(asked(mode=Mode.ASYNC, on_success="arn:s"))
    world.handler._ends = Ends(aws("sqs"), None)

    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED


def test_what_is_settled_is_added_to_its_functions_day_once_whatever_comes_again(world: World) -> None:
    one = world.accept(asked())
    runs = iter(["slow", "quick"])

    def overtaken(*_: object) -> Any:
        if next(runs) == "slow":
            world.handler.handle(delivery(one, attempt=2))
        return ran()

    world.sandboxes.behave = overtaken
    world.handler.handle(delivery(one))
    world.handler.handle(delivery(one, attempt=3))

    _, settled = world.row(one)
    assert settled
    assert world.sums() == {f"{day_of(settled.settled_at_us)}/f": sums_of(settled)}
    assert world.sums()[f"{day_of(settled.settled_at_us)}/f"].charge_pico_usd > 0
    assert world.sums("other") == {}


def test_a_record_that_cannot_be_written_adds_nothing(world: World) -> None:
    one = asked()

    assert not world.handler._ledger.settle(one.version, dataclasses.replace(SETTLED, invocation_id=one.invocation_id))

    assert world.sums() == {}


def test_many_at_once_lose_nothing_of_their_sums(world: World) -> None:
    many = [world.accept(asked(invocation_id=f"i-{n}")) for n in range(40)]

    def settle(one: Invocation) -> bool:
        settlement = dataclasses.replace(SETTLED, invocation_id=one.invocation_id)
        wins = [world.handler._ledger.settle(one.version, settlement) for _ in range(2)]
        return wins == [True, False]

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(settle, many))

    assert world.sums() == {"1970-01-02/f": Sums(invocations=40)}


def test_a_day_is_forgotten_when_it_is_old(world: World) -> None:
    one = world.accept(asked())
    world.handler._ledger.settle(one.version, dataclasses.replace(SETTLED, invocation_id=one.invocation_id))

    [item] = [item for item in world.dynamodb.scan(TableName=world.data["PartsTable"])["Items"] if "expires_s" in item]
    assert item["expires_s"] == {"N": str((1 + KEEP_DAYS) * 86_400)}
