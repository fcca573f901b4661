"""Scenario 7: ten minutes of steady work, after which nothing may have grown."""

from loadtest.scenarios.model import HEAVY, NOOP, OPEN, Callers, Kind, Load, Scenario, arriving, constant

#: What must be flat, and how much more of it is too little to speak of. The stand-in for AWS keeps every record in
#: memory by design, so it is not part of what must be flat; the figures are of what is ours.
SLACK = {"own_memory_mb": 40.0, "own_descriptors": 20.0, "containers": 4.0, "redis_keys": 50.0}


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` shortens it."""
    lasts_s = 600 * scale
    callers = {
        "short": Callers(executor=arriving(20, lasts_s, 32), function="noop"),
        "heavy": Callers(executor=constant(4, lasts_s), function="heavy", event={"n": 15}, think_s=0.5),
        "async": Callers(executor=constant(1, lasts_s), function="noop", kind=Kind.RECORD, think_s=1),
    }
    return Scenario(
        name="soak",
        says="Ten minutes of 20 short calls a second, four users of the heavy task and one of records: nothing grows.",
        settings=OPEN,
        functions={"noop": NOOP, "heavy": HEAVY},
        warm={"noop": 16, "heavy": 8},
        watch_s=max(0.5, 5 * scale),
        slack=SLACK,
        loads=(Load(name="soak", callers=callers, lasts_s=lasts_s + 1),),
    )
