"""Measures how long Redis itself takes for `admit.lua`, by Redis's own count, for each of its outcomes."""

import statistics
from collections.abc import Callable
from typing import Any

from loadtest.benches.api_bench import UNLIMITED, ApiBench
from loadtest.benches.own_stack import NOOP
from loadtest.errors import LoadTestError
from loadtest.reports.table import Row
from shared_lua.scripts import ANY_CACHE_VERSION, Ask, Decision, Run, Scripts, TokenBucket, Verdict
from worker_agent.stores import redis_adapter

CALLS = 5000
#: Permits that come back by themselves, so that calls never run out of them.
PERMIT_MS = 20
BAR_US = 60

#: Asks for admission with an Invocation of this number.
Admit = Callable[[int], Verdict]


def measured(bench: ApiBench) -> list[Row]:
    """Measures a refusal for want of a token, a refusal for want of a permit, and an admission."""
    client = redis_adapter.connect(bench.stack.environ["HEARTH_REDIS_URL"])
    outcomes = _outcomes(Scripts(client))
    took_us: dict[str, list[float]] = {name: [] for name in outcomes}
    for _ in range(bench.rounds):
        for name, (decision, admit) in outcomes.items():
            took_us[name].append(_server_us(client, decision, admit))
    medians = {f"admit.lua, {name}": statistics.median(rounds) for name, rounds in took_us.items()}
    bench.lengths_ms |= {name: us / 1000 for name, us in medians.items()}
    return [
        Row(f"{name}, on the server", f"{us:.1f} µs", f"≤ {BAR_US} µs", us <= BAR_US) for name, us in medians.items()
    ]


def _outcomes(scripts: Scripts) -> dict[str, tuple[Decision, Admit]]:
    return {
        "no rate token": (Decision.TENANT, _admit(scripts, burst=1, permits=UNLIMITED)),
        "no permit": (Decision.CONCURRENCY, _admit(scripts, burst=UNLIMITED, permits=0)),
        "go, with a permit": (Decision.GO, _admit(scripts, burst=UNLIMITED, permits=UNLIMITED)),
    }


def _admit(scripts: Scripts, *, burst: int, permits: int) -> Admit:
    """Returns a call of the script as the controller makes it for an Invoke."""
    tenant, rate_per_s = f"script-{burst}-{permits}", 1 if burst == 1 else UNLIMITED
    address = TokenBucket(f"{tenant}:address", UNLIMITED, UNLIMITED)
    ask = Ask(
        tenant=tenant, address=address, bucket=TokenBucket(tenant, rate_per_s, burst), cache_version=ANY_CACHE_VERSION
    )

    def run(number: int, cache_version: str) -> Run:
        shape: dict[str, Any] = {"function": NOOP, "permit_ms": PERMIT_MS, "shared": permits, "waiting": UNLIMITED}
        return Run(invocation_id=f"{tenant}-{number}", cache_version=cache_version, **shape)

    cache_version = scripts.admit(ask, run(0, "")).cache_version
    return lambda number: scripts.admit(ask, run(number, cache_version))


def _server_us(client: Any, decision: Decision, admit: Admit) -> float:
    """Returns Redis's own µs for one call. Raises LoadTestError when the calls had another outcome than `decision`."""
    client.config_resetstat()
    meant = sum(admit(number).decision is decision for number in range(CALLS))
    spent = client.info("commandstats")["cmdstat_evalsha"]
    # A token becomes free in the second that this takes, and now and then another client runs a script.
    if meant < 0.99 * CALLS or spent["calls"] > 1.01 * CALLS:
        raise LoadTestError(f"{meant} of {CALLS} calls said {decision}, and Redis counted {spent['calls']}")
    return float(spent["usec_per_call"])
