"""Scenario 5: a hundred functions at once, none ever seen before, beside the engine's own rate of starts."""

from loadtest.scenarios.model import NOOP, OPEN, Callers, Load, Scenario, at_once


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` makes it fewer functions."""
    many = max(2, round(100 * scale))
    callers = Callers(executor=at_once(many), function="storm{number}")
    return Scenario(
        name="coldstorm",
        says=f"{many} different functions at once, each never seen; the concurrency limits are raised for it.",
        settings={**OPEN, "HEARTH_CONCURRENCY": "128", "HEARTH_SLOTS": "128", "HEARTH_SYNC_WAIT_S": "60"},
        functions={f"storm{number}": NOOP for number in range(many)},
        loads=(Load(name="cold storm", callers={"strangers": callers}, lasts_s=many / 10, records=many),),
        engine_starts=max(2, round(40 * scale)),
    )
