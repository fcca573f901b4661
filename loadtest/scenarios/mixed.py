"""Scenario 6: four tenants with short and long functions; then the same next to a fifth, noisy one."""

from loadtest.scenarios.executors import arriving, constant
from loadtest.scenarios.model import HEAVY, NOOP, Callers, Load, Scenario

QUIET = ("ash", "birch", "cedar", "elm")
NOISY = "oak"
#: All tenants call from one address here. With its limit on, the noisy one would use up the quiet ones' tokens.
SETTINGS = {"HEARTH_ADDRESS_RATE_PER_S": "1000000", "HEARTH_ADDRESS_BURST": "1000000"}
LONG_EVENT = {"n": 15, "nap_s": 1.0}


def scenario(scale: float) -> Scenario:
    """Returns the scenario; a `scale` below 1 makes it shorter."""
    return Scenario(
        name="mixed",
        description="Four quiet tenants, each with a short and a long function, by themselves; then next to a fifth"
        " whose 100 clients never pause. Default limits, except for the address that all tenants share.",
        settings=SETTINGS,
        functions={"short": NOOP, "long": HEAVY},
        tenants=(*QUIET, NOISY),
        warm={"short": 2, "long": 2},
        loads=_loads(20 * scale),
    )


def _loads(lasts_s: float) -> tuple[Load, ...]:
    quiet = {name: callers for tenant in QUIET for name, callers in _quiet(tenant, lasts_s).items()}
    noisy = {"noisy": Callers(executor=constant(100, lasts_s), function="short", tenant=NOISY)}
    return (
        Load(name="quiet alone", callers=quiet, lasts_s=lasts_s + 1),
        Load(name="quiet beside noisy", callers={**quiet, **noisy}, lasts_s=lasts_s + 1),
    )


def _quiet(tenant: str, lasts_s: float) -> dict[str, Callers]:
    short, long = arriving(4, lasts_s, 20), arriving(1, lasts_s, 20)
    return {
        f"{tenant}_short": Callers(executor=short, function="short", tenant=tenant),
        f"{tenant}_long": Callers(executor=long, function="long", event=LONG_EVENT, tenant=tenant),
    }
