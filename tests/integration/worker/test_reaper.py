"""What a worker that was taken for dead still does with what it had: its end does not count any more."""

import threading
from typing import Any

import pytest

from shared_lua import keys
from shared_lua.contract import Invocation
from tests.builders import ran
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes, delivered
from tests.waiting import eventually

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_the_end_of_a_worker_that_was_taken_for_dead_is_told_to_nobody(lanes: Lanes) -> None:
    slow, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(slow, 1)
    assert item
    side.heartbeat(slow, able=True, free=0, for_ms=1)
    eventually(lambda: side.board.reap(slow) == 1)

    settlement = lanes.world.handler.conclude(one, delivered())

    assert side.settle_express(slow, one, item, settlement) is None
    assert lanes.client.xlen(keys.records()) == 0
    assert lanes.client.exists(keys.answer("i-1")) == 0


def test_what_a_worker_ran_after_it_was_taken_for_dead_is_neither_recorded_nor_counted(lanes: Lanes) -> None:
    lane, one = lanes.worker(capacity=1), asked(invocation_id="i-1")
    running, go_on = threading.Event(), threading.Event()

    def wait(_: Invocation, __: bytes) -> Any:
        running.set()
        assert go_on.wait(20)
        return ran()

    lanes.world.sandboxes.behave = wait
    lane._reaper.periodic.stop()  # the dead worker is one that nobody has looked after yet
    lanes.admit(one)
    assert running.wait(20)
    lanes.side().reap(lane._worker)

    go_on.set()
    lane.stop()
    assert lane.join(20)
    lane._ledger_writer.stop(20)

    assert not lanes.has_row(one, "succeeded")
    assert lanes.world.daily_usage() == {}
    assert "outcomes_total{" not in lanes.world.metrics.text()
    assert lanes.client.lrange(keys.orphaned(), 0, -1) != []


def test_a_worker_that_lives_is_not_reaped_by_others_but_by_itself(lanes: Lanes) -> None:
    worker = lanes.named()

    assert lanes.side().board.reap(worker) == -1
    lanes.side().reap(worker)
    assert lanes.client.zcard(keys.living()) == 0
