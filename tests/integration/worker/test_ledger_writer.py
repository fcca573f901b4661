"""Records of the express lane on their way from Redis to the ledger."""

import pytest

from shared_lua import keys
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes, delivered
from tests.waiting import eventually
from worker_agent.stores.ledger import BATCH
from worker_agent.stores.ledger_writer import Record

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_a_record_that_its_worker_could_not_write_is_written_by_another_once(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LEFT_AFTER_MS", 0)
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LOOK_EVERY_S", 0.1)
    gone, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(gone, 1)
    assert item
    assert side.settle_express(gone, one, item, lanes.world.handler.conclude(one, delivered()))

    others = [lanes.ledger_writer() for _ in range(2)]
    for ledger_writer in others:
        ledger_writer.start()
    eventually(lambda: lanes.client.xlen(keys.records()) == 0)
    for ledger_writer in others:
        ledger_writer.stop(10)

    assert lanes.has_row(one, "succeeded")
    assert sum(sums.invocations for sums in lanes.world.daily_usage().values()) == 1


def test_a_record_that_cannot_be_read_keeps_none_of_the_others_from_being_written(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LEFT_AFTER_MS", 0)
    monkeypatch.setattr("worker_agent.stores.ledger_writer.LOOK_EVERY_S", 0.1)
    lanes.client.xadd(keys.records(), {"invocation": '{"schema": 99}', "settlement": "{}"})
    gone, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(gone, 1)
    assert item
    assert side.settle_express(gone, one, item, lanes.world.handler.conclude(one, delivered()))
    ledger_writer = lanes.ledger_writer()

    ledger_writer.start()
    eventually(lambda: lanes.has_row(one, "succeeded"))
    ledger_writer.stop(10)

    assert lanes.client.xlen(keys.records()) == 1  # a newer worker may know what it is


def test_records_of_one_batch_are_summed_up_by_function_and_those_that_stand_are_left_out(lanes: Lanes) -> None:
    ledger, handler = lanes.world.handler._ledger, lanes.world.handler
    ends = [(one, handler.conclude(one, delivered())) for one in (asked(invocation_id=f"i-{n}") for n in range(5))]
    ledger.record(ends[:2])

    ledger.record(ends)

    assert all(lanes.has_row(one, "succeeded") for one, _ in ends)
    [sums] = lanes.world.daily_usage().values()
    assert sums.invocations == 5
    assert sums.charge_pico_usd == sum(end.charge.total_pico_usd for _, end in ends if end.charge)


def test_records_gather_until_there_are_as_many_as_one_write_takes_or_it_stops(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.stores.ledger_writer.GATHER_S", 600)
    handler, ledger_writer = lanes.world.handler, lanes.ledger_writer()
    ones = [asked(invocation_id=f"i-{n}") for n in range(BATCH + 1)]
    ends = [Record(one, handler.conclude(one, delivered())) for one in ones]
    ledger_writer.start()

    for end in ends[:-2]:
        ledger_writer.add(end)
    assert not lanes.has_row(ones[0], "succeeded")
    ledger_writer.add(ends[-2])
    eventually(lambda: all(lanes.has_row(one, "succeeded") for one in ones[:-1]), 60)
    ledger_writer.add(ends[-1])
    ledger_writer.stop(60)

    assert lanes.has_row(ones[-1], "succeeded")
