"""The scenarios by name, in the order in which they run."""

from collections.abc import Callable, Mapping

from loadtest.scenarios import capacity, closed, cold_storm, mixed, noop, soak, stress
from loadtest.scenarios.model import Scenario

#: Each takes a scale: 1 is the whole load, less makes it shorter, to try things out.
ALL: Mapping[str, Callable[[float], Scenario]] = {
    "capacity": capacity.scenario,
    "closed50": closed.scenario,
    "stress": stress.scenario,
    "noop": noop.scenario,
    "coldstorm": cold_storm.scenario,
    "mixed": mixed.scenario,
    "soak": soak.scenario,
}
#: The scenarios that run when none is named: all but the soak, which takes ten minutes.
USUAL = tuple(name for name in ALL if name != "soak")
