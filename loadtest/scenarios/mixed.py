"""Scenario 6: five tenants with short and long functions; then the same with one of them noisy."""

from loadtest.scenarios.model import HEAVY, NOOP, Callers, Load, Scenario, arriving, constant

QUIET = ("ash", "birch", "cedar", "elm")
NOISY = "oak"
#: All of them call from one address here: its limit would refuse the quiet ones for what the noisy one asks.
SETTINGS = {"HEARTH_ADDRESS_RATE_PER_S": "1000000", "HEARTH_ADDRESS_BURST": "1000000"}
LONG_EVENT = {"n": 15, "nap_s": 1.0}


def scenario(scale: float) -> Scenario:
    """Give the scenario; `scale` shortens it."""
    lasts_s = 20 * scale
    noise = {"noisy": Callers(executor=constant(100, lasts_s), function="short", tenant=NOISY)}
    return Scenario(
        name="mixed",
        says="Four quiet tenants, each with a short and a long function, alone; then beside a fifth whose 100 clients"
        " never pause. Default limits, but for the address that all of them share.",
        settings=SETTINGS,
        functions={"short": NOOP, "long": HEAVY},
        tenants=(*QUIET, NOISY),
        warm={"short": 2, "long": 2},
        loads=(
            Load(name="quiet alone", callers=_quiet(lasts_s), lasts_s=lasts_s + 1),
            Load(name="quiet beside noisy", callers={**_quiet(lasts_s), **noise}, lasts_s=lasts_s + 1),
        ),
    )


def _quiet(lasts_s: float) -> dict[str, Callers]:
    callers = {}
    for tenant in QUIET:
        callers[f"{tenant}_short"] = Callers(executor=arriving(4, lasts_s, 20), function="short", tenant=tenant)
        long = arriving(1, lasts_s, 20)
        callers[f"{tenant}_long"] = Callers(executor=long, function="long", event=LONG_EVENT, tenant=tenant)
    return callers
