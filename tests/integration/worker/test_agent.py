"""The agent's loop on moto's SQS, with a stand-in for what it runs."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation
from tests.builders import invocation
from tests.conftest import create_data
from tests.fakes import FakeSandboxes, NoExpress, fake_start, own_capacity
from tests.waiting import eventually
from worker_agent.agent import Agent
from worker_agent.errors import AwsUnavailableError
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.heartbeat import Heartbeat, new_worker
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.metrics import Metrics
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.running import Running
from worker_agent.stores.durable_lane import Deferral, Delivery, DurableLane, VisibilityHeartbeat
from worker_agent.stores.redis_adapter import RedisAdapter

pytestmark = [pytest.mark.aws, pytest.mark.redis]

VISIBILITY_S = 2


@dataclass
class FakeHandler:
    """Remembers what it was handed, and behaves as told."""

    behave: Callable[[Invocation], object]  #: a Deferral that it returns is passed on
    seen: list[str] = field(default_factory=list)
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def handle(self, delivery: Delivery) -> Deferral | None:
        asked = decode(Invocation, delivery.body)
        self.seen.append(asked.invocation_id)
        self.deliveries.append((asked.enqueue_generation, delivery.attempt))
        done = self.behave(asked)
        return done if isinstance(done, Deferral) else None


@dataclass
class World:
    agent: Agent
    handler: FakeHandler
    sandboxes: FakeSandboxes
    sqs: Any
    queue: str
    dead: str

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def count(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(got[name]) for name in names)


@pytest.fixture
def world(aws: Any, redis_client: redis.Redis) -> Iterator[Callable[..., World]]:
    """Start an agent of `slots` Slots whose handler behaves as told; it is stopped when the test ends."""
    running: list[tuple[Agent, threading.Thread]] = []
    data = create_data(aws("cloudformation"), VISIBILITY_S)
    sqs = aws("sqs")

    def start(behave: Callable[[Invocation], object], slots: int = 2, drain_s: float = 20) -> World:
        lane = DurableLane(sqs, data["QueueUrl"], VISIBILITY_S, poll_s=1)
        handler, sandboxes, redis_adapter = FakeHandler(behave), FakeSandboxes(), RedisAdapter(redis_client)
        heartbeat, pool = Heartbeat(redis_adapter, new_worker(slots)), Pool(slots, 10_000)
        agent = Agent(
            lane=lane,
            visibility_heartbeat=VisibilityHeartbeat(lane, VISIBILITY_S, lambda *_: None),
            heartbeat=heartbeat,
            live_logs=LiveLogs(Running(), RedisAdapter(redis_client)),
            engine=EngineWatch(sandboxes, heartbeat),
            metrics=Metrics(),
            handler=handler,  # type: ignore[arg-type]
            sandboxes=sandboxes,
            pool=pool,
            stems=Stems(sandboxes, {}),
            provisioning=Provisioning(redis_adapter=redis_adapter, heartbeat=heartbeat, pool=pool, start=fake_start),
            capacity=own_capacity(slots),
            express=NoExpress(),  # type: ignore[arg-type]
            concurrency=slots,
            drain_s=drain_s,
        )
        thread = threading.Thread(target=agent.run)
        thread.start()
        running.append((agent, thread))
        return World(agent, handler, sandboxes, sqs, data["QueueUrl"], data["DeadLettersUrl"])

    yield start
    for agent, thread in running:
        agent.stop()
        thread.join()


def test_what_was_handled_is_acknowledged(world: Callable[..., World]) -> None:
    there = world(lambda _: None)
    for n in range(5):
        there.send(encode(invocation(invocation_id=f"i-{n}")))

    eventually(lambda: len(there.handler.seen) == 5)
    eventually(lambda: there.count(there.queue) == 0)

    assert sorted(there.handler.seen) == [f"i-{n}" for n in range(5)]


def test_no_more_is_taken_than_there_are_slots(world: Callable[..., World]) -> None:
    release, lock = threading.Event(), threading.Lock()
    now, most = [0], [0]

    def count(_: Invocation) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        assert release.wait(30)
        with lock:
            now[0] -= 1

    there = world(count, slots=3)
    for n in range(8):
        there.send(encode(invocation(invocation_id=f"i-{n}")))
    eventually(lambda: now[0] == 3)
    release.set()
    eventually(lambda: len(there.handler.seen) == 8)

    assert most[0] == 3


def test_work_longer_than_the_visibility_stays_with_its_agent(world: Callable[..., World]) -> None:
    there = world(lambda _: time.sleep(2 * VISIBILITY_S), slots=4)
    there.send(encode(invocation()))

    eventually(lambda: there.handler.seen != [])
    eventually(lambda: there.count(there.queue) == 0)

    assert there.handler.seen == ["i-1"]


def test_a_poisonous_message_ends_in_the_dead_letter_queue_and_stops_nobody(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.agent.RETRY_AFTER_S", 0)
    there = world(lambda _: None)
    there.send("poison")
    there.send(encode(invocation()))

    eventually(lambda: there.handler.seen == ["i-1"])
    eventually(lambda: there.count(there.dead) == 1)

    assert there.count(there.queue) == 0
    [message] = there.sqs.receive_message(QueueUrl=there.dead)["Messages"]
    assert message["Body"] == "poison"


def test_what_failed_comes_back(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_agent.agent.RETRY_AFTER_S", 0)
    failures = [RuntimeError("a bug"), AwsUnavailableError("down")]

    def fail_twice(_: Invocation) -> None:
        if failures:
            raise failures.pop()

    there = world(fail_twice)
    there.send(encode(invocation()))

    eventually(lambda: there.handler.seen == ["i-1"] * 3)
    eventually(lambda: there.count(there.queue) == 0)


def test_a_deferred_delivery_comes_anew_after_its_wait_with_all_its_attempts(world: Callable[..., World]) -> None:
    there, at = world(lambda _: None), []

    def once(asked: Invocation) -> Deferral | None:
        at.append(time.monotonic())
        return None if asked.enqueue_generation == 2 else Deferral(asked, after_s=1)

    there.handler.behave = once
    there.send(encode(invocation()))

    eventually(lambda: len(at) == 3)
    eventually(lambda: there.count(there.queue) == 0)
    assert there.handler.deliveries == [(0, 1), (1, 1), (2, 1)]
    assert at[1] - at[0] >= 0.9
    assert there.count(there.dead) == 0


def test_while_the_engine_is_down_work_is_taken_and_the_other_workers_are_told(
    world: Callable[..., World], redis_client: redis.Redis
) -> None:
    there = world(lambda _: None)
    eventually(lambda: redis_client.zcard(keys.workers()) == 1)

    there.sandboxes.down.set()
    assert not there.agent._engine.look()
    eventually(lambda: redis_client.zcard(keys.workers()) == 0)
    there.send(encode(invocation()))
    eventually(lambda: there.handler.seen == ["i-1"])
    there.sandboxes.down.clear()

    eventually(lambda: redis_client.zcard(keys.workers()) == 1)
    assert not there.agent._engine.is_down


def test_asked_to_stop_it_finishes_what_runs_and_takes_nothing_new(world: Callable[..., World]) -> None:
    release = threading.Event()
    there = world(lambda _: release.wait(30), slots=1)
    there.send(encode(invocation()))
    eventually(lambda: there.handler.seen == ["i-1"])

    there.agent.stop()
    there.send(encode(invocation(invocation_id="i-2")))
    release.set()

    eventually(lambda: there.count(there.queue) == 1)
    assert there.handler.seen == ["i-1"]


def test_what_does_not_finish_in_time_is_cancelled(world: Callable[..., World]) -> None:
    there = world(lambda _: None, drain_s=0.2)
    there.handler.behave = lambda _: there.handler.cancelled.wait(30)
    there.send(encode(invocation()))
    eventually(lambda: there.handler.seen == ["i-1"])

    there.agent.stop()

    assert there.handler.cancelled.wait(20)
