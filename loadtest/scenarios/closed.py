"""Scenario 2: 50 users without think time, on the heavy task; and the same on a bare server."""

from loadtest.scenarios.model import HEAVY, HEAVY_EVENT, OPEN, Callers, Load, Scenario, Target, constant


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` shortens it."""
    users = {"users": Callers(executor=constant(50, 20 * scale), function="heavy", event=HEAVY_EVENT)}
    return Scenario(
        name="closed50",
        says="50 users without think time, heavy task.",
        settings=OPEN,
        functions={"heavy": HEAVY},
        warm={"heavy": 50},
        loads=(
            Load(name="closed 50", callers=users, lasts_s=20 * scale + 1, records=200),
            Load(name="closed 50, bare", callers=users, lasts_s=20 * scale + 1, target=Target.BARE),
        ),
    )
