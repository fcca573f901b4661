"""Scenario 1: 50 users with a second between their calls, on the heavy task; and the same on a bare server."""

from loadtest.scenarios.executors import constant, ramp
from loadtest.scenarios.model import HEAVY, HEAVY_EVENT, UNLIMITED, Callers, Load, Scenario, Target


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    return Scenario(
        name="capacity",
        description="50 users, 5 s up to 20, 20 s up to 50, 5 s down, 1 s think time, heavy task.",
        settings=UNLIMITED,
        functions={"heavy": HEAVY},
        warm={"heavy": 50},
        loads=_loads(scale),
    )


def _loads(scale: float) -> tuple[Load, ...]:
    rising = ramp((5 * scale, 20), (20 * scale, 50), (5 * scale, 0))
    users = {"users": Callers(executor=rising, function="heavy", event=HEAVY_EVENT, think_s=1)}
    one_user = {"users": Callers(executor=constant(1, 10 * scale), function="heavy", event=HEAVY_EVENT)}
    return (
        Load(name="capacity", callers=users, lasts_s=30 * scale + 2, records=200),
        Load(name="capacity, bare", callers=users, lasts_s=30 * scale + 2, target=Target.BARE),
        Load(name="heavy, emulator", callers=one_user, lasts_s=10 * scale, target=Target.EMULATOR),
    )
