"""The express lane's records leave Redis only when they are in the ledger."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared_lua import keys
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes, delivered
from worker_agent.stores.ledger import End, Ledger
from worker_agent.stores.ledger_writer import LedgerWriter, Record

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_a_record_is_in_the_stream_until_it_is_in_the_ledger(lanes: Lanes, aws: Any) -> None:
    data, kept = lanes.world.data, []

    class Watched(Ledger):
        def record(self, ends: Sequence[End]) -> None:
            kept.append(lanes.client.xlen(keys.records()))
            super().record(ends)
            kept.append(lanes.client.xlen(keys.records()))

    worker, side, one = lanes.named(), lanes.side(), asked(invocation_id="i-1")
    lanes.admit(one)
    item = side.next_express(worker, 1)
    assert item
    settlement = lanes.world.handler.conclude(one, delivered())
    entry = side.settle_express(worker, one, item, settlement)
    assert entry
    writer = LedgerWriter(
        Watched(aws("dynamodb"), data["InvocationsTable"], data["ItemsTable"]), side, lanes.world.handler._refused
    )
    writer.start()

    writer.add(Record(one, settlement, entry))
    writer.stop(20)

    assert kept == [1, 1]
    assert lanes.client.xlen(keys.records()) == 0
    assert lanes.has_row(one, "succeeded")
