"""The table of a Slot's steps."""

import itertools

import pytest

from worker_agent.pool.lifecycle import STEPS, IllegalStepError, SlotEvent, SlotState, step


def test_a_slot_goes_from_empty_through_warm_to_empty() -> None:
    state = SlotState.EMPTY
    for event in (
        SlotEvent.CLAIM,
        SlotEvent.STARTED,
        SlotEvent.RETURN,
        SlotEvent.LEASE,
        SlotEvent.RETURN,
        SlotEvent.END,
    ):
        state = step(state, event)

    assert state is SlotState.EMPTY


@pytest.mark.parametrize("pair", [p for p in itertools.product(SlotState, SlotEvent) if p not in STEPS])
def test_a_step_that_is_not_in_the_table_is_refused_by_name(pair: tuple[SlotState, SlotEvent]) -> None:
    state, event = pair

    with pytest.raises(IllegalStepError, match=f"{state.value} has no step '{event.value}'"):
        step(state, event)
