"""k6's executors, as k6 takes them: how many clients there are, for how long, and when they send."""

from typing import Any

#: k6 refuses a scenario that is shorter.
LEAST_MS = 1000
#: How long requests that are under way at the end are waited for.
GRACE = "60s"


def constant(clients: int, lasts_s: float) -> dict[str, Any]:
    """Clients that send again as soon as they are answered: a closed loop."""
    return {"executor": "constant-vus", "vus": clients, "duration": _ms(lasts_s), "gracefulStop": GRACE}


def ramp(*stages: tuple[float, int]) -> dict[str, Any]:
    """Clients whose number changes in stages: each is its length in seconds and the number at its end."""
    steps = [{"duration": _ms(lasts_s), "target": clients} for lasts_s, clients in stages]
    return {"executor": "ramping-vus", "startVUs": 0, "stages": steps, "gracefulRampDown": GRACE, "gracefulStop": GRACE}


def at_once(calls: int) -> dict[str, Any]:
    """Clients that all start at the same moment and call once each."""
    return {"executor": "per-vu-iterations", "vus": calls, "iterations": 1, "maxDuration": "120s"}


def arriving(per_s: int, lasts_s: float, clients: int) -> dict[str, Any]:
    """Calls at a fixed rate, whether or not earlier ones have been answered; at most `clients` are under way."""
    return {
        "executor": "constant-arrival-rate",
        "rate": per_s,
        "timeUnit": "1s",
        "duration": _ms(lasts_s),
        "preAllocatedVUs": clients,
        "maxVUs": clients,
        "gracefulStop": GRACE,
    }


def _ms(lasts_s: float) -> str:
    return f"{max(LEAST_MS, round(lasts_s * 1000))}ms"
