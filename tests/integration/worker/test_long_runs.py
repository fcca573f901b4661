"""Runs that outlast the time for which SQS keeps a message invisible, in small numbers, on moto's SQS and DynamoDB."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.codec import encode
from shared_lua.contract import Invocation, Mode, Settlement, Status, fence
from tests.builders import invocation, ran, version, zip_of
from tests.conftest import create_data
from tests.fakes import FakeSandboxes, NoExpress, own_capacity
from tests.waiting import eventually
from worker_agent.agent import Agent
from worker_agent.errors import AwsUnavailableError, ClaimHeldError
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.handle import Handler
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.metrics import Metrics
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.runs.running import Running
from worker_agent.sandboxes.sandbox import Ran
from worker_agent.stores import durable_lane
from worker_agent.stores.completion_events import CompletionEvents
from worker_agent.stores.durable_lane import Delivery, DurableLane, VisibilityHeartbeat
from worker_agent.stores.ledger import Ledger
from worker_agent.stores.redis_adapter import RedisAdapter
from worker_agent.stores.s3 import Store
from worker_agent.tracing import NoTracer

pytestmark = [pytest.mark.aws, pytest.mark.redis]

CODE = zip_of(main="def handler(e, c): pass")
VISIBILITY_S = 2


class WatchedLedger(Ledger):
    """The real one; remembers which claims a lease refused."""

    refused: list[int]

    def claim(self, invocation_id: str, delivery_fence: int) -> Settlement | None:
        try:
            return super().claim(invocation_id, delivery_fence)
        except ClaimHeldError as error:
            if error.wait_s:
                self.refused.append(error.wait_s)
            raise


@dataclass
class World:
    aws: Any
    data: dict[str, str]
    redis: redis.Redis
    ledger: WatchedLedger
    agents: list[tuple[Agent, threading.Thread]] = field(default_factory=list)

    def start(self, behave: Callable[[Invocation, bytes], Ran]) -> FakeSandboxes:
        """Start an agent whose functions behave so; give its sandboxes."""
        sandboxes = FakeSandboxes(behave)
        lane = DurableLane(self.aws("sqs"), self.data["QueueUrl"], VISIBILITY_S, poll_s=1)
        store, redis_adapter = Store(self.aws("s3"), self.data["BucketName"]), RedisAdapter(self.redis)
        pool, stems = Pool(2, 10_000), Stems(sandboxes, {})
        running = Running()
        executor = Executor(pool, stems, store.code, Prices(16_666_700, 200_000, 1000), running)
        heartbeat = Heartbeat(redis_adapter, new_worker(2))
        watch = EngineWatch(sandboxes, heartbeat)
        handler = Handler(
            ledger=self.ledger,
            store=store,
            redis_adapter=redis_adapter,
            executor=executor,
            engine=watch,
            metrics=Metrics(),
            tracer=NoTracer(),
            completion_events=CompletionEvents(self.aws("sqs"), self.data["CompletionQueueUrl"]),
            retry_pause_s=1,
        )
        agent = Agent(
            lane=lane,
            visibility_heartbeat=VisibilityHeartbeat(lane, VISIBILITY_S, handler.hold),
            heartbeat=heartbeat,
            live_logs=LiveLogs(running, redis_adapter),
            engine=watch,
            metrics=Metrics(),
            handler=handler,
            sandboxes=sandboxes,
            pool=pool,
            stems=stems,
            provisioning=Provisioning(
                redis_adapter=redis_adapter, heartbeat=heartbeat, pool=pool, start=executor.start
            ),
            capacity=own_capacity(2),
            express=NoExpress(),  # type: ignore[arg-type]
            concurrency=2,
            drain_s=20,
        )
        thread = threading.Thread(target=agent.run)
        thread.start()
        self.agents.append((agent, thread))
        return sandboxes

    def accept(self, asked: Invocation) -> Invocation:
        """Do what the controller does, the queue included."""
        row = {"invocation_id": {"S": asked.invocation_id}, "status": {"S": Status.QUEUED}, "attempt": {"N": "0"}}
        self.aws("dynamodb").put_item(TableName=self.data["InvocationsTable"], Item=row)
        self.aws("sqs").send_message(QueueUrl=self.data["QueueUrl"], MessageBody=encode(asked))
        return asked

    def row(self, asked: Invocation) -> dict[str, Any]:
        key = {"invocation_id": {"S": asked.invocation_id}}
        row: dict[str, Any] = self.aws("dynamodb").get_item(TableName=self.data["InvocationsTable"], Key=key)["Item"]
        return row

    def waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.aws("sqs").get_queue_attributes(QueueUrl=self.data["QueueUrl"], AttributeNames=names)["Attributes"]
        return sum(int(got[name]) for name in names)


@pytest.fixture
def world(aws: Any, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(durable_lane, "LEASE_AFTER_S", 0.5)
    monkeypatch.setattr(durable_lane, "SQS_KEEPS_S", 3)
    monkeypatch.setattr(durable_lane, "LEASE_S", 3)
    data = create_data(aws("cloudformation"), VISIBILITY_S)
    aws("s3").put_object(Bucket=data["BucketName"], Key=keys.code(version(CODE).code_sha256), Body=CODE)
    ledger = WatchedLedger(aws("dynamodb"), data["InvocationsTable"], data["ItemsTable"])
    ledger.refused = []
    there = World(aws, data, redis_client, ledger)
    yield there
    for agent, _ in there.agents:
        agent.stop()
    for _, thread in there.agents:
        thread.join()


def asked() -> Invocation:
    return invocation(version=version(CODE), mode=Mode.ASYNC)


def test_a_run_that_outlasts_sqs_is_neither_run_again_nor_lost(world: World) -> None:
    release = threading.Event()
    runs: list[str] = []

    def long(of: Invocation, _: bytes) -> Ran:
        runs.append(of.invocation_id)
        assert release.wait(60)
        return ran()

    for _ in range(2):
        world.start(long)
    one = world.accept(asked())

    eventually(lambda: len(world.ledger.refused) >= 2)  # it came back, twice, and was not run
    release.set()
    eventually(lambda: world.waiting() == 0)

    row = world.row(one)
    assert runs == ["i-1"]
    assert (row["status"]["S"], row["attempt"]["N"]) == (Status.SUCCEEDED, "1")
    assert all(0 < wait_s <= 3 for wait_s in world.ledger.refused)


def test_what_a_dead_worker_had_leased_is_run_when_its_lease_is_over(world: World) -> None:
    ended: list[int] = []

    def note(*_: object) -> Ran:
        ended.append(time.time_ns() // 1000)
        return ran()

    one = world.accept(asked())
    until_us = time.time_ns() // 1000 + 3_000_000
    world.ledger.claim(one.invocation_id, fence(0, 1))
    world.ledger.hold(one.invocation_id, until_us)

    world.start(note)
    eventually(lambda: world.waiting() == 0)

    assert world.ledger.refused
    assert [moment > until_us for moment in ended] == [True]
    assert world.row(one)["status"]["S"] == Status.SUCCEEDED


def test_what_is_done_sooner_is_never_leased(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_lane, "LEASE_AFTER_S", 60)
    monkeypatch.setattr(durable_lane, "SQS_KEEPS_S", 60)

    def a_while(*_: object) -> Ran:
        time.sleep(2 * VISIBILITY_S)  # three heartbeats and more
        return ran()

    world.start(a_while)
    one = world.accept(asked())
    eventually(lambda: world.waiting() == 0)

    assert "held_until_us" not in world.row(one)
    assert world.row(one)["status"]["S"] == Status.SUCCEEDED


@pytest.mark.parametrize("in_force", [True, False])
def test_a_lease_in_force_refuses_a_newer_attempt_and_one_that_is_over_does_not(world: World, in_force: bool) -> None:
    one = world.accept(asked())
    world.ledger.claim(one.invocation_id, 1)
    world.ledger.hold(one.invocation_id, time.time_ns() // 1000 + (60_000_000 if in_force else 0))

    if not in_force:
        assert world.ledger.claim(one.invocation_id, 2) is None
        return
    with pytest.raises(ClaimHeldError, match="fence 1 is under way") as held:
        world.ledger.claim(one.invocation_id, 2)
    assert 59 <= (held.value.wait_s or 0) <= 60


def test_a_record_is_not_leased(world: World) -> None:
    world.start(lambda *_: ran())
    one = world.accept(asked())
    eventually(lambda: world.waiting() == 0)

    world.ledger.hold(one.invocation_id, time.time_ns() // 1000 + 60_000_000)

    assert "held_until_us" not in world.row(one)


def test_a_lease_that_could_not_be_written_is_tried_again_at_the_next_beat(world: World) -> None:
    tried: list[int] = []

    def hold(_: Delivery, until_us: int) -> None:
        tried.append(until_us)
        if len(tried) == 1:
            raise AwsUnavailableError("down")

    lane = DurableLane(world.aws("sqs"), world.data["QueueUrl"], VISIBILITY_S, poll_s=1)
    visibility_heartbeat = VisibilityHeartbeat(lane, VISIBILITY_S, hold)
    visibility_heartbeat.periodic.start()
    try:
        world.accept(asked())
        [delivery] = lane.receive(1)
        with visibility_heartbeat.keep(delivery):
            eventually(lambda: len(tried) >= 3)
    finally:
        visibility_heartbeat.periodic.stop()

    assert tried == sorted(tried)
