"""Records that DynamoDB will never take: into S3 with their reason, while all others are recorded."""

import dataclasses
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from shared_lua import keys
from shared_lua.codec import decode
from shared_lua.contract import Invocation, Settlement, Status
from shared_lua.scripts import Decision
from tests.conftest import ROOT, RedisServer
from tests.integration.worker.handling import World, asked, delivery, fails
from tests.integration.worker.lanes import Lanes, delivered
from tests.waiting import eventually
from worker_agent.errors import AwsUnavailableError, RecordRefusedError
from worker_agent.stores.aws_errors import ITEM_ERRORS, aws_call
from worker_agent.stores.ledger import BATCH, Ledger
from worker_agent.stores.ledger_writer import Record
from worker_agent.stores.s3 import Store

pytestmark = [pytest.mark.aws, pytest.mark.redis]

#: More than a row of DynamoDB may have.
TOO_LARGE = "x" * 410_000


@dataclass
class Injecting:
    """A client of AWS that raises what it is given, one error a call, before a call reaches the service."""

    client: Any
    method: str
    errors: list[Exception] = field(default_factory=list)
    refused: int = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        return self._raising(real) if name == self.method else real

    def _raising(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            if self.errors:
                self.refused += 1
                raise self.errors.pop()
            return real(**given)

        return call


def error(code: str, reasons: list[str] | None = None) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "no"}}
    if reasons is not None:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "TransactWriteItems")


def ended(lanes: Lanes, count: int) -> list[Record]:
    """Ends of so many Invocations, with their entries in the stream; the last is too large for the ledger."""
    name = lanes.named(free=count)
    return [_ended(lanes, name, f"i-{n}", TOO_LARGE if n == count - 1 else "{}") for n in range(count)]


def _ended(lanes: Lanes, worker: str, invocation_id: str, payload: str) -> Record:
    one, side = asked(invocation_id=invocation_id), lanes.side()
    lanes.admit(one)
    item = side.next_express(worker, 1)
    assert item
    settlement = with_payload(lanes.world.handler.conclude(one, delivered()), payload)
    entry = side.settle_express(worker, one, item, settlement)
    assert entry
    return Record(one, settlement, entry)


def with_payload(settlement: Settlement, payload: str) -> Settlement:
    """The Settlement with an answer that nobody moved to S3 in time."""
    return dataclasses.replace(settlement, outcome=dataclasses.replace(settlement.outcome, payload=payload))


def written(lanes: Lanes, records: list[Record], *, until: Callable[[], bool]) -> None:
    writer = lanes.ledger_writer()
    for record in records:
        writer.add(record)
    writer.start()
    eventually(until)
    writer.stop(10)


def kept(world: World) -> dict[str, Any]:
    """What lies in S3 in place of a record, by the id of its Invocation."""
    bucket = world.data["BucketName"]
    listed = world.s3.list_objects_v2(Bucket=bucket, Prefix="refused/").get("Contents", [])
    bodies = [world.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed]
    found = {decode(Invocation, one["invocation"]).invocation_id: one for one in map(json.loads, bodies)}
    assert {keys.refused_record(id_) for id_ in found} == {one["Key"] for one in listed}
    return found


def count(world: World) -> int:
    [line] = [line for line in world.metrics.text().splitlines() if line.startswith("hearth_worker_refused_records_t")]
    return int(float(line.split()[1]))


def test_a_record_too_large_goes_to_s3_and_takes_none_of_its_batch_with_it(
    lanes: Lanes, caplog: pytest.LogCaptureFixture
) -> None:
    records = ended(lanes, BATCH)

    written(lanes, records, until=lambda: lanes.client.xlen(keys.records()) == 0)

    assert all(lanes.has_row(one.invocation, "succeeded") for one in records[:-1])
    assert not lanes.has_row(records[-1].invocation, "succeeded")
    [(refused_id, refused)] = kept(lanes.world).items()
    assert refused_id == records[-1].invocation.invocation_id
    assert decode(Settlement, refused["settlement"]) == records[-1].settlement
    assert "size" in refused["reason"]
    assert count(lanes.world) == 1
    [line] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert line.fields["action"] == "record_refused"  # type: ignore[attr-defined]
    assert sum(sums.invocations for sums in lanes.world.daily_usage().values()) == BATCH - 1


def test_the_stream_forgets_a_refused_record_only_when_s3_has_it(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.OUTAGE_PAUSE_S", 0.01)
    records = ended(lanes, 2)
    broken = Injecting(lanes.world.s3, "put_object", [EndpointConnectionError(endpoint_url="s3") for _ in range(3)])
    seen: list[int] = []

    class Watched(Store):
        def put_refused_record(self, *record: Any) -> None:
            seen.append(lanes.client.xlen(keys.records()))
            super().put_refused_record(*record)

    monkeypatch.setattr(lanes.world.handler._refused, "_store", Watched(broken, lanes.world.data["BucketName"]))

    written(lanes, records, until=lambda: lanes.client.xlen(keys.records()) == 0)

    assert (broken.refused, seen) == (3, [2] * 4)
    assert kept(lanes.world).keys() == {"i-1"}
    assert count(lanes.world) == 1
    assert lanes.has_row(records[0].invocation, "succeeded")


def test_denied_access_is_an_outage_and_sets_nothing_aside(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.OUTAGE_PAUSE_S", 0.01)
    records = ended(lanes, 3)[:-1]
    denied = Injecting(lanes.world.dynamodb, "transact_write_items", [error("AccessDeniedException") for _ in range(3)])
    monkeypatch.setattr(lanes.world.handler._ledger, "_dynamodb", denied)

    written(lanes, records, until=lambda: lanes.client.xlen(keys.records()) == 1)

    assert denied.refused == 3
    assert all(lanes.has_row(one.invocation, "succeeded") for one in records)
    assert kept(lanes.world) == {}


def put_back(invocation_id: str, world: World, aws_endpoint: str, redis_url: str) -> None:
    """Do what docs/alarms.md says, as it is written there."""
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "alarms.md").read_text(), re.DOTALL)
    environ = {
        **os.environ,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws_endpoint,
        "HEARTH_BUCKET": world.data["BucketName"],
        "HEARTH_REDIS_URL": redis_url,
        "INVOCATION_ID": invocation_id,
    }
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)


def test_a_refused_record_that_is_put_back_into_the_stream_is_recorded(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch, aws_endpoint: str, redis_server: RedisServer
) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LEFT_AFTER_MS", 0)
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LOOK_EVERY_S", 0.1)
    record = _ended(lanes, lanes.named(), "i-1", "{}")
    refusing = Injecting(lanes.world.dynamodb, "transact_write_items", [error("ValidationException")])
    monkeypatch.setattr(lanes.world.handler._ledger, "_dynamodb", refusing)
    written(lanes, [record], until=lambda: lanes.client.xlen(keys.records()) == 0)

    put_back("i-1", lanes.world, aws_endpoint, redis_server.url)
    written(lanes, [], until=lambda: lanes.has_row(record.invocation, "succeeded"))

    assert lanes.world.row(record.invocation) == ("succeeded", record.settlement)


def test_a_durable_end_that_is_refused_is_kept_and_answered_and_not_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.accept(asked())
    refusing = Injecting(world.dynamodb, "transact_write_items", [error("ValidationException")])
    monkeypatch.setattr(world.handler._ledger, "_dynamodb", refusing)

    assert world.handler.handle(delivery(one)) is None  # so that its Delivery is acknowledged

    [answer] = world.answers(one)
    assert decode(Settlement, kept(world)["i-1"]["settlement"]) == answer
    assert answer.outcome.status is Status.SUCCEEDED
    assert world.row(one) == ("running", None)
    assert count(world) == 1
    assert [sandbox.done.count("invoke") for sandbox in world.sandboxes.made] == [1]


def test_a_failed_try_that_is_refused_is_kept_and_not_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world.accept(asked(retries=2))
    fails(world)
    real = Ledger.retry

    def refused(self: Ledger, *given: Any) -> bool:
        with aws_call("the ledger", "write"):
            raise error("ValidationException")
        return real(self, *given)

    monkeypatch.setattr(Ledger, "retry", refused)

    assert world.handler.handle(delivery(one)) is None

    assert decode(Settlement, kept(world)["i-1"]["settlement"]).outcome.status is Status.FAILED


def test_without_s3_a_refused_end_goes_back_to_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.lanes.handle.SETTLE_PAUSES_S", (0.0,))
    one = world.accept(asked())
    refusing = Injecting(world.dynamodb, "transact_write_items", [error("ValidationException")])
    monkeypatch.setattr(world.handler._ledger, "_dynamodb", refusing)
    away = Injecting(world.s3, "put_object", [EndpointConnectionError(endpoint_url="s3") for _ in range(2)])
    monkeypatch.setattr(world.handler._refused, "_store", Store(away, world.data["BucketName"]))

    with pytest.raises(AwsUnavailableError):
        world.handler.handle(delivery(one))

    assert (away.refused, count(world), world.answers(one)) == (2, 0, [])


def test_an_orphaned_invocation_that_is_refused_holds_up_no_other(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, ledger = lanes.named(free=2, for_ms=200), lanes.world.handler._ledger
    for name in ("i-1", "i-2"):
        assert lanes.admit(asked(invocation_id=name)) is Decision.EXPRESS
    real = ledger.requeue

    def refuse_the_first(one: Invocation) -> bool:
        if one.invocation_id == "i-1":
            raise RecordRefusedError("too large")
        return real(one)

    monkeypatch.setattr(ledger, "requeue", refuse_the_first)
    reaper = lanes.reaper()
    eventually(lambda: dead in lanes.side().board.dead_workers())

    reaper.look()

    assert [one.invocation_id for one in lanes.queued()] == ["i-2"]
    assert lanes.client.llen(keys.orphaned()) == 0
    [aside] = cast(list[bytes], lanes.client.lrange(keys.unreadable(), 0, -1))
    assert decode(Invocation, aside.decode()).invocation_id == "i-1"


ABOUT_THE_ITEM = [
    *(error(code) for code in sorted(ITEM_ERRORS)),
    error("TransactionCanceledException", ["None", "ValidationError"]),
    error("TransactionCanceledException", ["ItemCollectionSizeLimitExceeded", "None"]),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
]
ABOUT_THE_PLATFORM = [
    *map(error, ("AccessDeniedException", "ResourceNotFoundException", "ThrottlingException", "InternalServerError")),
    error("TransactionCanceledException", ["ThrottlingError", "None"]),
    EndpointConnectionError(endpoint_url="dynamodb"),
]


@pytest.mark.parametrize("raised", ABOUT_THE_ITEM, ids=str)
def test_what_is_about_the_item_is_refused(raised: Exception) -> None:
    with pytest.raises(RecordRefusedError), aws_call("the ledger", "write"):
        raise raised


@pytest.mark.parametrize("raised", ABOUT_THE_PLATFORM, ids=str)
def test_what_is_about_the_platform_is_an_outage(raised: Exception) -> None:
    with pytest.raises(AwsUnavailableError), aws_call("the ledger", "write"):
        raise raised
