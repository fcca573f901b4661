"""The table of a Slot's steps, and that the pool takes these and no others.

The table is written out here once more, by hand: a step that is added to it, or taken from it, must be noticed.
"""

import itertools
from typing import Any

import pytest

from tests.builders import version
from tests.fakes import fake_start
from worker_agent.pool import slots
from worker_agent.pool.lifecycle import IllegalStepError, SlotEvent, SlotState, step
from worker_agent.pool.request import Request
from worker_agent.pool.slots import Pool

EMPTY, STARTING, LEASED, IDLE = SlotState.EMPTY, SlotState.STARTING, SlotState.LEASED, SlotState.IDLE
Pair = tuple[SlotState, SlotEvent]

EXPECTED: dict[Pair, SlotState] = {
    (EMPTY, SlotEvent.CLAIM): STARTING,
    (STARTING, SlotEvent.STARTED): LEASED,
    (STARTING, SlotEvent.START_FAILED): EMPTY,
    (IDLE, SlotEvent.LEASE): LEASED,
    (LEASED, SlotEvent.RETURN): IDLE,
    (LEASED, SlotEvent.END): EMPTY,
    (IDLE, SlotEvent.END): EMPTY,
}


@pytest.mark.parametrize("pair", list(itertools.product(SlotState, SlotEvent)))
def test_each_event_leads_where_it_should_or_is_refused_by_name(pair: Pair) -> None:
    state, event = pair

    if pair in EXPECTED:
        assert step(state, event) is EXPECTED[pair]
    else:
        with pytest.raises(IllegalStepError, match=f"{state.value} has no step '{event.value}'"):
            step(state, event)


def test_the_pool_takes_every_one_of_these_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[Pair] = set()

    def watched(state: SlotState, event: SlotEvent) -> SlotState:
        taken.add((state, event))
        return step(state, event)

    monkeypatch.setattr(slots, "step", watched)
    pool, of = Pool(1, 1000), version()

    with pytest.raises(RuntimeError, match="no stem"), pool.lease(of, fails):
        pass
    assert pool.count()[EMPTY] == 1
    for lease_is_cold in (True, False):
        with pool.lease(of, lambda request: fake_start(of, request)) as lease:
            assert pool.count()[LEASED] == 1
            assert lease.cold is lease_is_cold
        assert pool.count()[IDLE] == 1
    with pytest.raises(ValueError, match="body"), pool.lease(of, fails):
        raise ValueError("body")
    assert pool.count()[EMPTY] == 1
    with pool.lease(of, lambda request: fake_start(of, request)):
        pass
    pool.close()

    assert pool.count()[EMPTY] == 1
    assert taken == EXPECTED.keys()


def fails(_: Request[Any]) -> Any:
    raise RuntimeError("no stem")
