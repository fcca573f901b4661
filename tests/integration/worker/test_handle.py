"""One Delivery to its one record and its one answer."""

from typing import Any

import pytest

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Layer, Mode, Status
from tests.builders import ran, version, zip_of
from tests.conftest import RedisServer
from tests.integration.worker.handling import CODE, World, asked, delivery, fails
from worker_agent.errors import AwsUnavailableError
from worker_agent.lanes.handle import MAX_ATTEMPTS, MAX_LEDGER_ANSWER_BYTES, DrainedError
from worker_agent.stores.s3 import Store

pytestmark = [pytest.mark.aws, pytest.mark.redis]


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


def test_an_answer_lost_between_record_and_caller_is_given_by_the_next_delivery(world: World) -> None:
    one = world.accept(asked())
    world.handler.handle(delivery(one))
    world.redis.flushall()

    world.handler.handle(delivery(one, attempt=2))

    assert [answer.attempt for answer in world.answers(one)] == [1]


def test_an_asynchronous_call_leaves_no_answer(world: World) -> None:
    one = world.accept(asked(mode=Mode.ASYNC))

    world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED
    assert world.answers(one) == []


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

    listed = world.s3.list_objects_v2(Bucket=world.data["BucketName"], Prefix="abandoned/")["Contents"]
    stored = [world.s3.get_object(Bucket=world.data["BucketName"], Key=one["Key"])["Body"].read() for one in listed]
    assert [one["Key"] for one in listed] == [
        keys.abandoned_payload(late.invocation_id),
        keys.abandoned_payload(over.invocation_id),
    ]
    assert [decode(Invocation, text.decode()) for text in stored] == [late, over]


def test_what_cannot_be_kept_has_its_record_and_its_answer_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = world.accept(asked())

    def fail(*_: object) -> None:
        raise AwsUnavailableError("S3 is away")

    monkeypatch.setattr(Store, "put_abandoned_payload", fail)

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
    with redis_server.away():
        world.handler.handle(delivery(one))

    assert world.row(one)[0] == Status.SUCCEEDED


def test_a_run_that_the_agent_ends_itself_is_no_outcome(world: World) -> None:
    one = world.accept(asked())
    world.handler.cancelled.set()

    with pytest.raises(DrainedError):
        world.handler.handle(delivery(one))

    assert world.row(one) == (Status.RUNNING, None)


def test_a_functions_error_is_its_outcome_and_is_billed(world: World) -> None:
    one = world.accept(asked())
    fails(world)

    world.handler.handle(delivery(one))

    status, settled = world.row(one)
    assert settled
    assert settled.charge
    assert (status, settled.outcome.error_type, settled.charge.billed_us) == (Status.FAILED, "ValueError", 2000)
