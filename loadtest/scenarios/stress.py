"""Scenario 3: 200 users at once against the default limits: results and refusals only, no errors."""

from loadtest.scenarios.executors import constant
from loadtest.scenarios.model import HEAVY, HEAVY_EVENT, Callers, Load, Scenario


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    return Scenario(
        name="stress",
        description="200 users at once against the default limits, heavy task: with a think time of 1 s, then without.",
        functions={"heavy": HEAVY},
        warm={"heavy": 64},
        loads=tuple(_load(think_s, 20 * scale) for think_s in (1, 0)),
    )


def _load(think_s: int, lasts_s: float) -> Load:
    users = Callers(executor=constant(200, lasts_s), function="heavy", event=HEAVY_EVENT, think_s=think_s)
    name = f"stress, {think_s} s think time"
    return Load(name=name, callers={"users": users}, lasts_s=lasts_s + 2, rest_s=3)
