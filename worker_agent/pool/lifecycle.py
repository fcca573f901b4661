"""The states of a Slot and the steps between them, as a table."""

from enum import Enum


class SlotState(Enum):
    """The state of a Slot."""

    EMPTY = "empty"  #: no sandbox
    STARTING = "starting"  #: claimed; a Stem is becoming a Version in it
    LEASED = "leased"  #: its sandbox runs an Invocation
    IDLE = "idle"  #: its sandbox is warm, and frozen


class SlotEvent(Enum):
    """What happens to a Slot."""

    CLAIM = "claim"
    STARTED = "started"
    START_FAILED = "start failed"
    LEASE = "lease"
    RETURN = "return"
    END = "end"


STEPS: dict[tuple[SlotState, SlotEvent], SlotState] = {
    (SlotState.EMPTY, SlotEvent.CLAIM): SlotState.STARTING,
    (SlotState.STARTING, SlotEvent.STARTED): SlotState.LEASED,
    (SlotState.STARTING, SlotEvent.START_FAILED): SlotState.EMPTY,
    (SlotState.IDLE, SlotEvent.LEASE): SlotState.LEASED,
    (SlotState.LEASED, SlotEvent.RETURN): SlotState.IDLE,
    (SlotState.LEASED, SlotEvent.END): SlotState.EMPTY,
    (SlotState.IDLE, SlotEvent.END): SlotState.EMPTY,
}


class IllegalStepError(RuntimeError):
    """A Slot was asked for a step that its state does not have: a bug in the pool. Nothing was changed."""


def step(state: SlotState, event: SlotEvent) -> SlotState:
    """Return the state after `event`; raise IllegalStepError for a step that is not in the table."""
    try:
        return STEPS[state, event]
    except KeyError:
        raise IllegalStepError(f"a slot that is {state.value} has no step '{event.value}'") from None
