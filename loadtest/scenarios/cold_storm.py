"""Scenario 5: a hundred functions called at once, none of them called before; and the engine's own rate of starts."""

from loadtest.scenarios.executors import at_once
from loadtest.scenarios.model import NOOP, UNLIMITED, Callers, Load, Scenario


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it fewer functions."""
    many = max(2, round(100 * scale))
    callers = {"first_calls": Callers(executor=at_once(many), function="storm{number}")}
    return Scenario(
        name="coldstorm",
        description=f"{many} different functions called at once, each for the first time, with raised limits.",
        settings={**UNLIMITED, "HEARTH_CONCURRENCY": "128", "HEARTH_SLOTS": "128", "HEARTH_SYNC_WAIT_S": "60"},
        functions={f"storm{number}": NOOP for number in range(many)},
        loads=(Load(name="cold storm", callers=callers, lasts_s=many / 10, records=many),),
        engine_starts=max(2, round(40 * scale)),
    )
