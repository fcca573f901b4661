"""What dead workers had, and how it comes to the durable lane: the same for both halves, on a real Redis and moto."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from chalicelib.invocations.durable_lane import DurableLane as ControllersLane
from chalicelib.invocations.ledger import Ledger as ControllersLedger
from chalicelib.storage.redis_adapter import RedisAdapter as ControllersRedis
from chalicelib.storage.throttle import Throttle

from shared_lua import codec, keys
from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Outcome, Settlement, Status, fence
from shared_lua.reaper import Reaper
from tests.builders import invocation
from tests.dying import DiedError, Life
from worker_agent.stores.durable_lane import DurableLane as WorkersLane
from worker_agent.stores.ledger import Ledger as WorkersLedger
from worker_agent.stores.redis_adapter import RedisAdapter as WorkersRedis

pytestmark = [pytest.mark.aws, pytest.mark.redis]

DEAD = "dead|2"


@dataclass
class World:
    """One half's adapters, and all that a test looks at."""

    half: str
    redis: redis.Redis
    sqs: Any
    dynamodb: Any
    data: dict[str, str]

    def reaper(self, life: Life | None = None, most: int = 100, **replaced: Any) -> Reaper:
        """A reaper of this half, whose clients count their calls for `life`."""
        wrap: Callable[[Any], Any] = life.wrap if life else lambda client: client
        client, sqs = wrap(self.redis), wrap(self.sqs)
        dynamodb = replaced.get("dynamodb") or wrap(self.dynamodb)
        table, url = self.data["InvocationsTable"], self.data["QueueUrl"]
        self.warned: list[str] = []
        if self.half == "worker":
            ledger, lane = WorkersLedger(dynamodb, table, self.data["ItemsTable"]), WorkersLane(sqs, url, 30, poll_s=1)
            return Reaper(WorkersRedis(client).board, ledger, lane, most, self.warn)
        lane_ = ControllersLane(sqs, url)
        return Reaper(
            ControllersRedis(client, client, Throttle(1, 1)).board,
            ControllersLedger(dynamodb, table),
            lane_,
            most,
            self.warn,
        )

    def warn(self, action: str, _: str, **__: object) -> None:
        self.warned.append(action)

    @property
    def ledger(self) -> WorkersLedger:
        return WorkersLedger(self.dynamodb, self.data["InvocationsTable"], self.data["ItemsTable"])

    @property
    def controllers_ledger(self) -> ControllersLedger:
        return ControllersLedger(self.dynamodb, self.data["InvocationsTable"])

    def status(self, one: Invocation) -> Status | None:
        row = self.controllers_ledger.find(one.invocation_id)
        return row.status if row else None

    def leave(self, *in_flight: Invocation, worker: str = DEAD, until_ms: int = 1) -> None:
        """Have a worker, whose heartbeat counts until then, with these in flight."""
        self.redis.zadd(keys.living(), {worker: until_ms})
        self.redis.zadd(keys.workers(), {worker: 10**15})  # it could start functions a moment ago
        self.redis.zadd(keys.free_capacity(), {worker: 1})
        for one in in_flight:
            self.redis.rpush(keys.in_flight(worker), encode(one))

    def sent(self) -> list[Invocation]:
        """Take what the durable lane has."""
        found: list[Invocation] = []
        asked = {"QueueUrl": self.data["QueueUrl"], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        while messages := self.sqs.receive_message(**asked).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.data["QueueUrl"], ReceiptHandle=message["ReceiptHandle"])
                found.append(decode(Invocation, message["Body"]))
        return sorted(found, key=lambda one: one.invocation_id)

    def left(self) -> int:
        """How much of a dead worker is left in Redis."""
        lists = [keys.orphaned(), keys.in_flight(DEAD), keys.lane(DEAD)]
        sets = [keys.living(), keys.workers(), keys.free_capacity()]
        lengths: Any = [self.redis.llen(name) for name in lists] + [self.redis.zcard(name) for name in sets]
        return sum(lengths)


@pytest.fixture(params=["worker", "controller"])
def world(request: pytest.FixtureRequest, aws: Any, data: dict[str, str], redis_client: redis.Redis) -> World:
    return World(request.param, redis_client, aws("sqs"), aws("dynamodb"), data)


def later(one: Invocation) -> Invocation:
    """An Invocation as it is requeued."""
    return codec.decode(Invocation, encode(one).replace('"enqueue_generation":0', '"enqueue_generation":1'))


def ended(one: Invocation) -> Settlement:
    outcome = Outcome(status=Status.SUCCEEDED, payload="1")
    return Settlement(invocation_id=one.invocation_id, outcome=outcome, attempt=1, settled_at_us=0)


def test_what_a_dead_worker_had_on_its_lane_and_in_flight_is_recorded_and_sent_once(world: World) -> None:
    in_flight, on_the_lane = invocation(invocation_id="i-1"), invocation(invocation_id="i-2")
    world.leave(in_flight)
    world.redis.rpush(keys.lane(DEAD), encode(on_the_lane))

    assert [world.reaper().look() for _ in range(2)] == [2, 0]

    assert world.sent() == [later(in_flight), later(on_the_lane)]
    assert [world.status(one) for one in (in_flight, on_the_lane)] == [Status.QUEUED, Status.QUEUED]
    assert world.left() == 0


def test_a_worker_that_lives_keeps_what_it_has(world: World) -> None:
    world.leave(invocation(), until_ms=10**15)

    assert world.reaper().look() == 0

    assert world.redis.llen(keys.in_flight(DEAD)) == 1
    assert world.sent() == []


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_reaper_that_dies_after_any_of_its_calls_is_followed_by_one_that_goes_on(world: World, calls: int) -> None:
    one = invocation()
    world.leave(one)
    life = Life(calls)

    try:
        world.reaper(life).look()
    except DiedError:
        world.reaper().look()
    else:
        assert len(life.made) < calls  # no call is left to die after

    assert world.status(one) is Status.QUEUED
    assert world.sent() in ([later(one)], [later(one)] * 2)
    assert world.left() == 0


def test_a_reaper_makes_fewer_calls_than_the_test_before_this_lets_it_die_after(world: World) -> None:
    world.leave(invocation())
    life = Life(1000)

    world.reaper(life).look()

    assert 6 <= len(life.made) < 11


def test_reapers_that_look_at_the_same_time_record_once_and_lose_nothing(world: World) -> None:
    many = [invocation(invocation_id=f"i-{n}") for n in range(5)]
    world.leave(*many)

    threads = [threading.Thread(target=world.reaper().look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {one.invocation_id for one in world.sent()} == {one.invocation_id for one in many}
    assert all(world.status(one) is Status.QUEUED for one in many)
    assert world.left() == 0


def test_one_whose_caller_noted_that_it_runs_is_sent_and_claimed_by_its_first_delivery(world: World) -> None:
    one = invocation()
    world.leave(one)
    world.controllers_ledger.note_running(one)

    world.reaper().look()

    [sent] = world.sent()
    assert world.ledger.claim(one.invocation_id, fence(sent.enqueue_generation, 1)) is None


def test_one_that_has_ended_is_not_run_again(world: World) -> None:
    one = invocation()
    world.leave(one)
    world.ledger.record([(one, ended(one))])

    world.reaper().look()

    assert (world.sent(), world.status(one), world.left()) == ([], Status.SUCCEEDED, 0)


def test_one_whose_row_is_cancelled_at_this_moment_is_not_sent(world: World) -> None:
    one = invocation()
    world.leave(one)
    world.controllers_ledger.open(one)

    class Cancelling:
        """Cancels the row before it is read."""

        def __getattr__(self, name: str) -> Any:
            if name == "get_item":
                assert world.controllers_ledger.forget(one.invocation_id)
            return getattr(world.dynamodb, name)

    world.reaper(dynamodb=Cancelling()).look()

    assert (world.sent(), world.status(one), world.left()) == ([], None, 0)


def test_the_end_of_a_worker_that_was_taken_for_dead_is_superseded_in_the_ledger_too(world: World) -> None:
    one = invocation()
    world.leave(one)
    world.controllers_ledger.note_running(one)
    world.reaper().look()
    [sent] = world.sent()
    world.ledger.claim(one.invocation_id, fence(sent.enqueue_generation, 1))

    world.ledger.record([(one, ended(one))])

    assert world.status(one) is Status.RUNNING
    assert world.ledger.settle(one.version, ended(one), sent.enqueue_generation)


def test_what_a_newer_side_left_holds_nothing_up_and_is_requeued_by_a_side_that_can_read_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, one = invocation(invocation_id="i-1"), invocation(invocation_id="i-2")
    world.redis.rpush(keys.orphaned(), encode(newer).replace('"schema":1', '"schema":2'), encode(one))
    reaper = world.reaper()

    assert [reaper.look(), reaper.look()] == [2, 0]

    assert world.sent() == [later(one)]
    assert world.warned == ["unreadable"]
    assert int(world.redis.pttl(keys.unreadable())) > 0
    monkeypatch.setattr(codec, "SCHEMA", 2)
    assert world.reaper().look() == 1
    assert [sent.invocation_id for sent in world.sent()] == ["i-1"]
    assert world.redis.exists(keys.unreadable(), keys.orphaned()) == 0


def test_no_more_is_requeued_in_one_look_than_was_allowed_and_the_oldest_come_first(world: World) -> None:
    many = [invocation(invocation_id=f"i-{n}") for n in range(3)]
    world.leave(*many)
    reaper = world.reaper(most=2)

    assert reaper.look() == 2
    assert world.sent() == [later(one) for one in many[:2]]

    assert reaper.look() == 1
    assert world.sent() == [later(many[2])]
