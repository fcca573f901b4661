"""The express lane on a real Redis and moto's DynamoDB and SQS; only the sandboxes are stand-ins."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import redis

from shared_lua import keys
from shared_lua.contract import Invocation, Provision, Settlement, Status, decode, encode
from shared_lua.scripts import Ask, Run, Scripts, Word
from tests.builders import ran
from tests.conftest import RedisServer
from tests.fakes import fake_start
from tests.integration.worker.handling import World, asked
from tests.waiting import eventually
from worker_agent.durable_lane import Delivery, DurableLane
from worker_agent.errors import EngineUnavailableError
from worker_agent.express import Express
from worker_agent.places import Grant, Places
from worker_agent.pool import Pool
from worker_agent.presence import FOR_MS, Presence, new_worker
from worker_agent.provisioning import Provisioning
from worker_agent.recorder import Recorder
from worker_agent.redis_side import WARM_MS, RedisSide
from worker_agent.runtime_api import How
from worker_agent.undertaker import Undertaker

pytestmark = [pytest.mark.aws, pytest.mark.redis]


@dataclass
class Lanes:
    """Workers on one Redis, each with an express lane, and an admission that grants their places."""

    world: World
    aws: Any
    client: redis.Redis
    started: list[Express] = field(default_factory=list)
    generations: dict[str, str] = field(default_factory=lambda: {"keys": "", "function": ""})

    def side(self) -> RedisSide:
        return RedisSide(self.client)

    def undertaker(self) -> Undertaker:
        lane = DurableLane(self.aws("sqs"), self.world.data["QueueUrl"], 30, poll_s=1)
        return Undertaker(self.side(), self.world.handler._ledger, lane)

    def worker(self, places: int = 2) -> Express:
        """Start a worker's lane."""
        name, side = new_worker(places), self.side()
        lane = Express(
            redis_side=side,
            recorder=Recorder(self.world.handler._ledger, side),
            undertaker=self.undertaker(),
            worker=name,
            places=places,
            conclude=self.world.handler.conclude,
            metrics=self.world.metrics,
        )
        side.announce(name, able=True, free=places, for_ms=FOR_MS * 10)
        lane.start()
        self.started.append(lane)
        return lane

    def named(self, free: int = 2, for_ms: int = FOR_MS * 10) -> str:
        """Announce a worker that takes nothing."""
        name = new_worker(free)
        self.side().announce(name, able=True, free=free, for_ms=for_ms)
        return name

    def admit(self, one: Invocation, *, express: bool = True) -> Word:
        """Do what the controller does for a caller who waits."""
        scripts, version = Scripts(self.client), one.version
        while True:
            known = self.generations
            ask = Ask(tenant=version.tenant, address=None, bucket=None, generation=known["keys"])
            run = Run(
                invocation_id=one.invocation_id,
                function=version.function,
                generation=known["function"],
                seat_ms=60_000,
                shared=100,
                waiting=100,
                version_id=version.version_id,
                item=encode(one) if express else "",
            )
            verdict = scripts.admit(ask, run)
            if verdict.word not in (Word.CREDENTIALS, Word.RECORD):
                return verdict.word
            known["keys"] = verdict.keys_generation
            known["function"] = verdict.generation

    def answer(self, one: Invocation) -> Settlement:
        """Wait for an answer as a caller does."""
        popped: Any = self.client.blpop([keys.answer(one.invocation_id)], timeout=20)
        assert popped, "no answer came"
        return decode(Settlement, popped[1].decode())

    def free(self) -> int:
        places: Any = self.client.zrange(keys.free_places(), 0, -1, withscores=True)
        return int(sum(score for _, score in places))

    def queued(self) -> list[Invocation]:
        """Take what the durable lane has."""
        sqs, url = self.aws("sqs"), self.world.data["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [decode(Invocation, message["Body"]) for message in found]

    def has_row(self, one: Invocation, status: str) -> bool:
        try:
            return self.world.row(one)[0] == status
        except KeyError:
            return False


@pytest.fixture
def lanes(world: World, aws: Any, redis_client: redis.Redis) -> Iterator[Lanes]:
    there = Lanes(world, aws, redis_client)
    yield there
    for lane in there.started:
        lane.stop()
        lane.join(10)
        lane.give_up()


def test_a_granted_invocation_runs_and_leaves_answer_record_sums_and_a_free_place(lanes: Lanes) -> None:
    lanes.worker(places=2)
    one = asked(invocation_id="i-1")

    assert lanes.admit(one) is Word.EXPRESS
    settlement = lanes.answer(one)

    assert settlement.outcome.status is Status.SUCCEEDED
    eventually(lambda: lanes.has_row(one, "succeeded"))
    assert lanes.world.row(one)[1] == settlement
    assert sum(sums.invocations for sums in lanes.world.sums().values()) == 1
    eventually(lambda: lanes.client.xlen(keys.records()) == 0)
    assert lanes.free() == 2
    assert lanes.client.zcard(keys.tenant_seats("t")) == lanes.client.zcard(keys.fleet_seats()) == 0


def test_without_a_free_place_it_goes_by_the_queue(lanes: Lanes) -> None:
    lanes.named(free=1)

    words = [lanes.admit(asked(invocation_id=f"i-{n}")) for n in range(2)]

    assert words == [Word.EXPRESS, Word.GO]
    assert lanes.free() == 0


def test_what_must_not_travel_so_goes_by_the_queue_although_a_place_is_free(lanes: Lanes) -> None:
    lanes.named()

    assert lanes.admit(asked(), express=False) is Word.GO


def test_a_worker_that_has_the_version_warm_is_preferred_if_it_has_a_place(lanes: Lanes) -> None:
    cold, warm = lanes.named(free=5), lanes.named(free=1)
    lanes.client.zadd(keys.warm(asked().version.version_id), {warm: 1})

    for n in range(2):
        assert lanes.admit(asked(invocation_id=f"i-{n}")) is Word.EXPRESS

    assert lanes.client.llen(keys.lane(warm)) == 1
    assert lanes.client.llen(keys.lane(cold)) == 1


def test_a_provisioned_versions_first_call_goes_where_it_is_warm_and_that_is_told_while_one_is_idle(
    lanes: Lanes,
) -> None:
    roomy, keeper, one = lanes.named(free=5), lanes.named(free=1), asked()
    provision = encode(Provision(version=one.version, wanted=2))
    lanes.client.hset(keys.provisions(), keys.provision("t", "f", "live"), provision)
    pool, warm = Pool(4, 4096), keys.warm(one.version.version_id)
    presence = Presence(lanes.side(), keeper)
    provisioning = Provisioning(redis_side=lanes.side(), presence=presence, pool=pool, start=fake_start)

    provisioning.turn()

    assert lanes.admit(one) is Word.EXPRESS
    assert (lanes.client.llen(keys.lane(keeper)), lanes.client.llen(keys.lane(roomy))) == (1, 0)
    lanes.client.zadd(warm, {keeper: 1, "long gone|8": 1})
    with pool.lease(one.version, lambda wanting: fake_start(one.version, wanting)):
        provisioning.turn()
        assert lanes.client.zscore(warm, keeper) == 1
    provisioning.turn()
    said_ms: Any = lanes.client.zscore(warm, keeper)
    assert said_ms > 1
    assert lanes.client.zcard(warm) == 1
    assert 0 < lanes.client.pttl(warm) <= WARM_MS


def test_a_worker_that_is_dead_or_cannot_start_functions_is_granted_nothing(lanes: Lanes) -> None:
    lanes.named(for_ms=1)
    lanes.side().announce(new_worker(5), able=False, free=5, for_ms=60_000)
    eventually(lambda: lanes.side().dead_workers() != [])

    assert lanes.admit(asked()) is Word.GO


def test_what_a_dead_worker_had_is_given_to_the_durable_lane_once(lanes: Lanes) -> None:
    dead = lanes.named(free=2, for_ms=1)
    side = lanes.side()
    lanes.client.zadd(keys.workers(), {dead: 10**15})  # it was able a moment ago
    on_the_lane, in_hand = asked(invocation_id="i-1"), asked(invocation_id="i-2")
    for one in (in_hand, on_the_lane):
        assert lanes.admit(one) is Word.EXPRESS
    assert side.next_express(dead, 1) == encode(in_hand)

    undertakers = [lanes.undertaker() for _ in range(2)]
    threads = [threading.Thread(target=one.look) for one in undertakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = {one.invocation_id for one in lanes.queued()}
    assert found == {"i-1", "i-2"}
    assert all(lanes.has_row(one, "queued") for one in (in_hand, on_the_lane))
    assert lanes.client.llen(keys.orphans()) == lanes.client.zcard(keys.free_places()) == 0


def test_the_end_of_a_worker_that_was_taken_for_dead_does_not_count(lanes: Lanes) -> None:
    slow, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(slow, 1)
    assert item
    side.announce(slow, able=True, free=0, for_ms=1)
    eventually(lambda: side.bury(slow) == 1)

    settlement = lanes.world.handler.conclude(one, _delivered())

    assert side.settle_express(slow, one, item, settlement) is None
    assert lanes.client.xlen(keys.records()) == 0
    assert lanes.client.exists(keys.answer("i-1")) == 0


def _delivered() -> Delivery:
    return Delivery("", "", attempt=1, received_at_us=0)


def test_a_worker_that_lives_is_not_buried_by_others(lanes: Lanes) -> None:
    worker = lanes.named()

    assert lanes.side().bury(worker) == -1
    assert lanes.side().bury(worker, alive=True) == 0


def test_what_cannot_run_here_is_left_to_the_durable_lane_and_the_place_is_free_again(lanes: Lanes) -> None:
    lanes.worker(places=1)
    one = asked(invocation_id="i-1")

    def fail(*_: Any) -> Any:
        raise EngineUnavailableError("down")

    lanes.world.handler._executor.execute = fail  # type: ignore[method-assign,assignment]
    lanes.world.sandboxes.down.clear()
    assert lanes.admit(one) is Word.EXPRESS

    eventually(lambda: lanes.has_row(one, "queued"))
    eventually(lambda: [got.invocation_id for got in lanes.queued()] == ["i-1"])
    assert lanes.free() == 1


def test_a_record_that_its_worker_could_not_write_is_written_by_another_once(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.recorder.LEFT_AFTER_MS", 0)
    monkeypatch.setattr("worker_agent.recorder.LOOK_EVERY_S", 0.1)
    gone, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(gone, 1)
    assert item
    assert side.settle_express(gone, one, item, lanes.world.handler.conclude(one, _delivered()))

    others = [Recorder(lanes.world.handler._ledger, side) for _ in range(2)]
    for recorder in others:
        recorder.start()
    eventually(lambda: lanes.client.xlen(keys.records()) == 0)
    for recorder in others:
        recorder.stop(10)

    assert lanes.has_row(one, "succeeded")
    assert sum(sums.invocations for sums in lanes.world.sums().values()) == 1


def test_a_record_that_cannot_be_read_keeps_none_of_the_others_from_being_written(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.recorder.LEFT_AFTER_MS", 0)
    monkeypatch.setattr("worker_agent.recorder.LOOK_EVERY_S", 0.1)
    lanes.client.xadd(keys.records(), {"invocation": '{"schema": 99}', "settlement": "{}"})
    gone, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(gone, 1)
    assert item
    assert side.settle_express(gone, one, item, lanes.world.handler.conclude(one, _delivered()))
    recorder = Recorder(lanes.world.handler._ledger, side)

    recorder.start()
    eventually(lambda: lanes.has_row(one, "succeeded"))
    recorder.stop(10)

    assert lanes.client.xlen(keys.records()) == 1  # a newer worker may know what it is


def test_an_error_of_any_making_ends_in_an_answer_and_the_lane_goes_on(lanes: Lanes) -> None:
    lanes.worker(places=1)
    lanes.world.sandboxes.behave = lambda *_: ran(How.FAILED, b'{"errorType": "\\ud800"}')

    for n in range(2):
        one = asked(invocation_id=f"i-{n}")
        assert lanes.admit(one) is Word.EXPRESS
        assert lanes.answer(one).outcome.error_type == "?"
        eventually(partial(lanes.has_row, one, "failed"))


def test_when_redis_loses_its_memory_in_mid_run_the_record_stands(lanes: Lanes, redis_server: RedisServer) -> None:
    lanes.worker(places=1)
    running, go_on = threading.Event(), threading.Event()

    def wait(_: Invocation, __: bytes) -> Any:
        running.set()
        assert go_on.wait(20)
        return ran()

    lanes.world.sandboxes.behave = wait
    one = asked(invocation_id="i-1")
    lanes.admit(one)
    assert running.wait(20)

    lanes.client.flushall()
    go_on.set()

    eventually(lambda: lanes.has_row(one, "succeeded"))


def test_records_of_one_batch_are_summed_up_by_function_and_those_that_stand_are_left_out(lanes: Lanes) -> None:
    ledger, handler = lanes.world.handler._ledger, lanes.world.handler
    ends = [(one, handler.conclude(one, _delivered())) for one in (asked(invocation_id=f"i-{n}") for n in range(5))]
    ledger.record(ends[:2])

    ledger.record(ends)

    assert all(lanes.has_row(one, "succeeded") for one, _ in ends)
    [sums] = lanes.world.sums().values()
    assert sums.invocations == 5
    assert sums.charge_pico_usd == sum(end.charge.total_pico_usd for _, end in ends if end.charge)


def test_the_durable_lane_has_its_share_and_borrows_what_is_free(lanes: Lanes) -> None:
    worker, side = lanes.named(free=3), lanes.side()
    places = Places(2, lambda wanted: side.borrow(worker, wanted, 0), lambda n: side.give_back(worker, n))

    grants = [places.take(10, patience_s=0.01) for _ in range(3)]

    assert grants == [Grant(2), Grant(3, borrowed=True), Grant(0)]
    assert lanes.admit(asked()) is Word.GO
    places.release(Grant(1, borrowed=True))
    assert lanes.admit(asked(invocation_id="i-2")) is Word.EXPRESS
    places.release(Grant(2))
    assert places.take(10, 0.01) == Grant(2)


def test_the_durable_lane_leaves_places_for_callers(lanes: Lanes) -> None:
    worker, side = lanes.named(free=8), lanes.side()

    assert [side.borrow(worker, wanted, 1) for wanted in (5, 5, 5)] == [5, 2, 0]
    assert [lanes.admit(asked(invocation_id=f"i-{n}")) for n in range(2)] == [Word.EXPRESS, Word.GO]


def test_a_flood_of_callers_leaves_the_durable_lane_its_share(lanes: Lanes) -> None:
    worker, side = lanes.named(free=3), lanes.side()
    places = Places(1, lambda wanted: side.borrow(worker, wanted, 0), lambda n: side.give_back(worker, n))

    words = [lanes.admit(asked(invocation_id=f"i-{n}")) for n in range(10)]

    assert words == [Word.EXPRESS] * 3 + [Word.GO] * 7
    assert places.take(10, 0.01) == Grant(1)


def test_a_redis_that_forgot_a_worker_learns_of_its_places_anew_and_no_other(
    lanes: Lanes,
) -> None:
    worker, side = new_worker(4), lanes.side()
    assert side.announce(worker, able=True, free=4, for_ms=60_000)
    lanes.admit(asked())

    assert side.announce(worker, able=True, free=4, for_ms=60_000)
    assert lanes.free() == 3
    lanes.client.flushall()

    assert not side.announce(worker, able=True, free=2, for_ms=60_000)
    assert lanes.free() == 2


def test_a_worker_that_stops_gives_back_what_it_has_not_begun(lanes: Lanes) -> None:
    lane = lanes.worker(places=1)
    lane.stop()
    lane.join(10)
    lanes.side().announce(lane._worker, able=True, free=5, for_ms=60_000)
    one = asked(invocation_id="i-1")
    assert lanes.admit(one) is Word.EXPRESS

    lane.give_up()

    assert [got.invocation_id for got in lanes.queued()] == ["i-1"]
    assert lanes.has_row(one, "queued")
