"""Scenario 2: 50 users without think time, on the heavy task; and the same on a bare server."""

from loadtest.scenarios.executors import constant
from loadtest.scenarios.model import HEAVY, HEAVY_EVENT, UNLIMITED, Callers, Load, Scenario, Target


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    users = {"users": Callers(executor=constant(50, 20 * scale), function="heavy", event=HEAVY_EVENT)}
    ours = Load(name="closed 50", callers=users, lasts_s=20 * scale + 1, records=200)
    bare = Load(name="closed 50, bare", callers=users, lasts_s=20 * scale + 1, target=Target.BARE)
    return Scenario(
        name="closed50",
        description="50 users without think time, heavy task.",
        settings=UNLIMITED,
        functions={"heavy": HEAVY},
        warm={"heavy": 50},
        loads=(ours, bare),
    )
