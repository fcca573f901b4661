"""Scenario 7: ten minutes of steady work, after which nothing may have grown."""

from loadtest.scenarios.executors import arriving, constant
from loadtest.scenarios.model import HEAVY, NOOP, UNLIMITED, Callers, Kind, Load, Scenario

#: What must be flat at the end, and a growth of each that is too small to count. The AWS stand-in is left out: it keeps
#: every record in memory, by design.
SLACK = {"own_memory_mb": 40.0, "own_descriptors": 20.0, "containers": 4.0, "redis_keys": 50.0}


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    lasts_s = 600 * scale
    return Scenario(
        name="soak",
        description="Ten minutes of 20 short calls a second, four users of the heavy task, and one user of asynchronous"
        " calls. Nothing may have grown at the end.",
        settings=UNLIMITED,
        functions={"noop": NOOP, "heavy": HEAVY},
        warm={"noop": 16, "heavy": 8},
        watch_s=max(0.5, 5 * scale),
        slack=SLACK,
        loads=(Load(name="soak", callers=_callers(lasts_s), lasts_s=lasts_s + 1),),
    )


def _callers(lasts_s: float) -> dict[str, Callers]:
    return {
        "short": Callers(executor=arriving(20, lasts_s, 32), function="noop"),
        "heavy": Callers(executor=constant(4, lasts_s), function="heavy", event={"n": 15}, think_s=0.5),
        "async": Callers(executor=constant(1, lasts_s), function="noop", kind=Kind.RECORD),
    }
