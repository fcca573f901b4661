"""The agent's loop on moto's SQS, with a stand-in for what it runs."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.contract import Invocation, decode, encode
from tests.builders import invocation
from tests.conftest import create_data
from tests.fakes import FakeSandboxes
from worker_agent.agent import Agent
from worker_agent.durable_lane import Delivery, DurableLane, Keeper
from worker_agent.errors import EngineUnavailableError
from worker_agent.pool import Pool
from worker_agent.presence import Presence
from worker_agent.redis_side import RedisSide
from worker_agent.stems import Stems

pytestmark = [pytest.mark.aws, pytest.mark.redis]

VISIBILITY_S = 2


@dataclass
class FakeHandler:
    """Remembers what it was handed, and behaves as told."""

    behave: Callable[[Invocation], object]
    seen: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def handle(self, delivery: Delivery) -> None:
        asked = decode(Invocation, delivery.body)
        self.seen.append(asked.invocation_id)
        self.behave(asked)


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
        handler, sandboxes = FakeHandler(behave), FakeSandboxes()
        agent = Agent(
            lane=lane,
            keeper=Keeper(lane, VISIBILITY_S, lambda *_: None),
            presence=Presence(RedisSide(redis_client)),
            handler=handler,  # type: ignore[arg-type]
            sandboxes=sandboxes,
            pool=Pool(slots, 10_000),
            stems=Stems(sandboxes, {}),
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


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


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
    failures = [RuntimeError("a bug"), EngineUnavailableError("down")]

    def fail_twice(_: Invocation) -> None:
        if failures:
            raise failures.pop()

    there = world(fail_twice)
    there.send(encode(invocation()))

    eventually(lambda: there.handler.seen == ["i-1"] * 3)
    eventually(lambda: there.count(there.queue) == 0)


def test_while_the_engine_is_down_nothing_is_taken_and_controllers_are_told(
    world: Callable[..., World], redis_client: redis.Redis
) -> None:
    there = world(lambda _: None)
    eventually(lambda: redis_client.exists(keys.workers_able()) == 1)

    def fail(_: Invocation) -> None:
        there.sandboxes.down.set()
        raise EngineUnavailableError("down")

    there.handler.behave = fail
    there.send(encode(invocation()))
    eventually(there.sandboxes.down.is_set)
    there.handler.behave = lambda _: None
    there.send(encode(invocation(invocation_id="i-2")))
    time.sleep(1)  # time in which a loop that takes work regardless would have taken it
    assert there.handler.seen == ["i-1"]
    assert redis_client.exists(keys.workers_unable()) == 1

    there.sandboxes.down.clear()

    eventually(lambda: {"i-1", "i-2"} <= set(there.handler.seen[1:]))


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
