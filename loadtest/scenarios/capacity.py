"""Scenario 1: 50 users with a second between their calls, on the heavy task; and the same on a bare server."""

from loadtest.scenarios.model import HEAVY, HEAVY_EVENT, OPEN, Callers, Load, Scenario, Target, constant, ramp


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` shortens it."""
    rising = ramp((5 * scale, 20), (20 * scale, 50), (5 * scale, 0))
    users = {"users": Callers(executor=rising, function="heavy", event=HEAVY_EVENT, think_s=1)}
    serial = {"users": Callers(executor=constant(1, 10 * scale), function="heavy", event=HEAVY_EVENT)}
    return Scenario(
        name="capacity",
        says="50 users, 5 s up to 20, 20 s up to 50, 5 s down, 1 s think time, heavy task.",
        settings=OPEN,
        functions={"heavy": HEAVY},
        warm={"heavy": 50},
        loads=(
            Load(name="capacity", callers=users, lasts_s=30 * scale + 2, records=200),
            Load(name="capacity, bare", callers=users, lasts_s=30 * scale + 2, target=Target.BARE),
            Load(name="heavy, emulator", callers=serial, lasts_s=10 * scale, target=Target.EMULATOR),
        ),
    )
