"""The scenarios by name, in the order in which they run; each module tells one."""

from collections.abc import Callable, Mapping

from loadtest.scenarios import capacity, closed, cold_storm, mixed, noop, soak, stress
from loadtest.scenarios.model import Scenario

#: Each is given a scale: 1 is the load as it is meant, less is shorter, for trying it out.
ALL: Mapping[str, Callable[[float], Scenario]] = {
    "capacity": capacity.scenario,
    "closed50": closed.scenario,
    "stress": stress.scenario,
    "noop": noop.scenario,
    "coldstorm": cold_storm.scenario,
    "mixed": mixed.scenario,
    "soak": soak.scenario,
}
#: What runs when nobody says what: all but the soak, which takes ten minutes.
USUAL = tuple(name for name in ALL if name != "soak")
