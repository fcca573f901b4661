"""`make bench-api`: refusals, the admission's script, large tenants and noisy neighbours against their bars.

On a stack of its own, through the gateway, by k6 (see `k6`), which shares the machine with it. What is compared is
measured in the same rounds; figures are medians over the rounds. Each round begins when the ledger has what the round
before left to be written: until then refusals share the machine with that (300 a second, p95 3 ms instead of 1). With
`--out DIR` it also writes `api.md`, `api.json` and `api.svg` there.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from loadtest import k6
from loadtest.benches.own_stack import NOOP, OwnStack, own_stack
from loadtest.benches.workload import Row, machine, table
from loadtest.k6 import Answers, Load, MeasureError
from loadtest.reports.chart import bars
from local.errors import StackError, StopRequested
from local.signals import StopSignal
from shared_lua.scripts import ANY_CACHE_VERSION, Ask, Bucket, Decision, Run, Scripts, Verdict
from worker_agent.sandboxes import engine
from worker_agent.stores import redis_adapter

ROUNDS, SECONDS = 5, 5.0
LEAST_ROUNDS = 3

REFUSALS_PER_S, REFUSED_CLIENTS = 300, 200
#: So many clients at once ask for a noop; what the best of them get in a second counts.
ACCEPTED_CLIENTS = (2, 4, 8, 16)
UNLIMITED = 100_000

SCRIPT_CALLS = 5000
PERMIT_MS = 20

FEW, MANY = 10, 10_000
CROWD_PER_S = 10

NOISY_RATE, NOISE, QUIET_PER_S = 10, 10, 20

#: For a load with a rate: more clients than ever are needed at once.
SPARE_CLIENTS = 200


@dataclass
class Bench:
    """What the measurements share, and what they leave: lengths in ms for the chart, and what went wrong on the way."""

    stack: OwnStack
    rounds: int
    seconds: float
    lengths_ms: dict[str, float] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    def send(self, *loads: Load, seconds: float | None = None) -> dict[str, Answers]:
        """Send loads beside each other, and count what nobody expected."""
        came = k6.send(loads, seconds or self.seconds)
        for name, answers in came.items():
            self.wrong.update({f"{status} to {name}": count for status, count in answers.wrong.items()})
        self.dropped += sum(answers.dropped for answers in came.values())
        return came

    def load(self, name: str, key: str, *, get: bool = False, **how: Any) -> Load:
        """Give a load of Invokes of a tenant's noop, or of GetFunctions of it, at the Lambda API's own routes."""
        path = f"/2015-03-31/functions/{NOOP}" + ("" if get else "/invocations")
        headers = {"x-api-key": key, "content-type": "application/json"}
        method = "GET" if get else "POST"
        return Load(name=name, method=method, url=self.stack.url + path, headers=headers, **how)


def main() -> int:
    """Measure everything, print it, and write it where asked to; exit with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench-api", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for api.md, api.json and api.svg")
    parser.add_argument("--rounds", type=_rounds, default=ROUNDS, help=f"{LEAST_ROUNDS} or more; {ROUNDS} if not said")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of a load; {SECONDS:.0f} if not said")
    asked = parser.parse_args()
    StopSignal().listen()
    try:
        with own_stack() as stack:
            return _measure(Bench(stack, asked.rounds, asked.seconds), asked.out)
    except (StackError, MeasureError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except StopRequested:
        return 130


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"a median of fewer than {LEAST_ROUNDS} rounds says nothing")
    return rounds


def _measure(bench: Bench, out: Path | None) -> int:
    rows = []
    for part in (_refusals, _script, _crowd, _neighbours, _honesty):
        rows += part(bench)
        print(f"measured: {part.__name__.strip('_')}", file=sys.stderr)
    where = (
        f"{machine(engine.connect())}, {_versions(bench.stack)}; {bench.rounds} rounds of {bench.seconds:g} s a load"
    )
    text = f"{where}\n\n{table(rows)}\n"
    print(text)
    if out:
        _write(out, where, text, rows, bench)
    return 0 if all(row.met for row in rows) else 1


def _versions(stack: OwnStack) -> str:
    redis = redis_adapter.connect(stack.environ["HEARTH_REDIS_URL"]).info("server")["redis_version"]
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("chalice", "granian", "moto"))
    return f"Redis {redis}, {packages}, {k6.version()}"


def _write(out: Path, where: str, text: str, rows: list[Row], bench: Bench) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "api.md").write_text(f"# `make bench-api`\n\n{text}\n![lengths](api.svg)\n")
    figures = {"machine": where, "rows": [vars(row) for row in rows], "lengths_ms": bench.lengths_ms}
    (out / "api.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    (out / "api.svg").write_text(bars("Lengths, ms (logarithmic)", bench.lengths_ms))


def _refusals(bench: Bench) -> list[Row]:
    """Refused Invokes at a fixed rate, and from many clients at once, beside accepted ones."""
    refused = bench.stack.tenant("refused", rate_per_s=1, burst=1)
    accepted = bench.stack.tenant("accepted", rate_per_s=UNLIMITED, burst=UNLIMITED)
    steady = bench.load("steady", refused, clients=SPARE_CLIENTS, rate_per_s=REFUSALS_PER_S, expected=429)
    loop = bench.load("loop", refused, clients=REFUSED_CLIENTS, expected=429)
    noops = [bench.load("noop", accepted, clients=clients) for clients in ACCEPTED_CLIENTS]
    for load in (steady, loop, noops[-1]):  # every sandbox is warm, every connection of the app's is made
        k6.send([load], 2)
    at_rate, at_once, best = [], [], []
    for _ in range(bench.rounds):
        bench.stack.wait_recorded()
        at_rate.append(bench.send(steady)["steady"])
        at_once.append(bench.send(loop)["loop"])
        best.append(max((bench.send(load)["noop"] for load in noops), key=lambda answers: answers.per_s))
    steady_ms, loop_ms, noop_ms = _p95(at_rate), _p95(at_once), _p50(best)
    ratio = statistics.median(no.per_s / yes.per_s for no, yes in zip(at_once, best, strict=True))
    refusals, accepts = (statistics.median(one.per_s for one in of) for of in (at_once, best))
    bench.lengths_ms |= {"refused, 300/s, p50": _p50(at_rate), "refused, 300/s, p95": steady_ms}
    bench.lengths_ms |= {"refused, 200 clients, p95": loop_ms, "accepted, most at once, p50": noop_ms}
    return [
        Row(f"refused, {REFUSALS_PER_S} a second, p95", f"{steady_ms:.2f} ms", "≤ 3 ms", steady_ms <= 3),
        Row(f"refused, {REFUSED_CLIENTS} clients in a closed loop, p95", f"{loop_ms:.1f} ms", "≤ 80 ms", loop_ms <= 80),
        Row(
            "refusals beside accepted noops",
            f"{refusals:.0f}/s beside {accepts:.0f}/s: {ratio:.1f} times",
            "≥ 4 times",
            ratio >= 4,
        ),
    ]


def _p50(rounds: Sequence[Answers]) -> float:
    return statistics.median(answers.p50_ms for answers in rounds)


def _p95(rounds: Sequence[Answers]) -> float:
    return statistics.median(answers.p95_ms for answers in rounds)


def _script(bench: Bench) -> list[Row]:
    """What Redis itself says that `admit.lua` takes of its time, for each way through it."""
    client = redis_adapter.connect(bench.stack.environ["HEARTH_REDIS_URL"])
    scripts = Scripts(client)
    ways = {
        "no rate token": (Decision.TENANT, _asker(scripts, burst=1, permits=UNLIMITED)),
        "no permit": (Decision.CONCURRENCY, _asker(scripts, burst=UNLIMITED, permits=0)),
        "go, with a permit": (Decision.GO, _asker(scripts, burst=UNLIMITED, permits=UNLIMITED)),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(bench.rounds):
        for name, (word, ask) in ways.items():
            took[name].append(_server_us(client, word, ask))
    medians = {name: statistics.median(of) for name, of in took.items()}
    bench.lengths_ms |= {f"admit.lua, {name}": us / 1000 for name, us in medians.items()}
    return [
        Row(f"admit.lua, {name}, on the server", f"{us:.1f} µs", "≤ 60 µs", us <= 60) for name, us in medians.items()
    ]


def _asker(scripts: Scripts, *, burst: int, permits: int) -> Callable[[int], Verdict]:
    """Give what asks the admission as the controller does for an Invoke; its permits come back by themselves."""
    tenant, rate_per_s = f"script-{burst}-{permits}", 1 if burst == 1 else UNLIMITED
    address = Bucket(f"{tenant}:address", UNLIMITED, UNLIMITED)
    ask = Ask(tenant=tenant, address=address, bucket=Bucket(tenant, rate_per_s, burst), cache_version=ANY_CACHE_VERSION)

    def run(number: int, cache_version: str) -> Run:
        shape: dict[str, Any] = {"function": NOOP, "permit_ms": PERMIT_MS, "shared": permits, "waiting": UNLIMITED}
        return Run(invocation_id=f"{tenant}-{number}", cache_version=cache_version, **shape)

    cache_version = scripts.admit(ask, run(0, "")).cache_version
    return lambda number: scripts.admit(ask, run(number, cache_version))


def _server_us(client: Any, decision: Decision, ask: Callable[[int], Verdict]) -> float:
    """Give Redis's own µs for one call of the script; raise MeasureError when it was not the way that was meant."""
    client.config_resetstat()
    meant = sum(ask(number).decision is decision for number in range(SCRIPT_CALLS))
    spent = client.info("commandstats")["cmdstat_evalsha"]
    # A second passes meanwhile, and with it a token; and others may run a script now and then.
    if meant < 0.99 * SCRIPT_CALLS or spent["calls"] > 1.01 * SCRIPT_CALLS:
        raise MeasureError(f"{meant} of {SCRIPT_CALLS} calls said {decision}, and Redis counts {spent['calls']}")
    return float(spent["usec_per_call"])


def _crowd(bench: Bench) -> list[Row]:
    """Invoke and GetFunction of a tenant with ten thousand functions, beside one with ten."""
    limits = {"rate_per_s": UNLIMITED, "burst": UNLIMITED}
    tenants = {FEW: bench.stack.tenant("few", **limits), MANY: bench.stack.tenant("many", **limits)}
    bench.stack.fill("few", FEW - 1)
    bench.stack.fill("many", MANY - 1)
    at_once: dict[str, Any] = {"clients": SPARE_CLIENTS, "rate_per_s": CROWD_PER_S}
    # They begin one after the other and keep that distance, so that none of them stands in another's way.
    wanted = [(what, size) for what in ("Invoke", "GetFunction") for size in (FEW, MANY)]
    apart_ms = 1000 // CROWD_PER_S // len(wanted)
    loads = [
        bench.load(f"{what}-{size}", tenants[size], get=what != "Invoke", starts_after_ms=n * apart_ms, **at_once)
        for n, (what, size) in enumerate(wanted)
    ]
    k6.send(loads, 2)
    came = [bench.send(*loads) for _ in range(bench.rounds)]
    return [_beside(bench, what, came) for what in ("Invoke", "GetFunction")]


def _beside(bench: Bench, what: str, came: Sequence[dict[str, Answers]]) -> Row:
    few, many = (_p50([one[f"{what}-{size}"] for one in came]) for size in (FEW, MANY))
    bench.lengths_ms |= {f"{what} of {FEW}, p50": few, f"{what} of {MANY:,}, p50": many}
    figure = f"{many:.1f} ms beside {few:.1f} ms: {many / few:.2f} times"
    return Row(f"{what} with {MANY:,} functions beside {FEW}, p50", figure, "≤ 1.2 times", many <= 1.2 * few)


def _neighbours(bench: Bench) -> list[Row]:
    """A quiet tenant's Invokes alone, and beside those of one that asks for what it may, and for ten times that."""
    noisy_key = bench.stack.tenant("noisy", rate_per_s=NOISY_RATE, burst=NOISY_RATE)
    quiet_key = bench.stack.tenant("quiet", rate_per_s=UNLIMITED, burst=UNLIMITED)
    quiet = bench.load("quiet", quiet_key, clients=SPARE_CLIENTS, rate_per_s=QUIET_PER_S)
    modest, noisy = (
        bench.load("noisy", noisy_key, clients=SPARE_CLIENTS, rate_per_s=times * NOISY_RATE, also=429)
        for times in (1, NOISE)
    )
    k6.send([noisy, quiet], 2)
    neighbours: dict[str, list[Load]] = {"alone": [], "beside one at its rate": [modest], "beside a noisy one": [noisy]}
    came: dict[str, list[Answers]] = {how: [] for how in neighbours}
    for _ in range(bench.rounds):
        for how, others in neighbours.items():
            came[how].append(bench.send(quiet, *others, seconds=2 * bench.seconds)["quiet"])
    lengths = {how: _p95(answers) for how, answers in came.items()}
    bench.lengths_ms |= {f"p95 {how}": length for how, length in lengths.items()}
    alone, modestly, noisily = lengths.values()
    figure = f"{noisily:.1f} ms, alone {alone:.1f} ms: {noisily / alone:.2f} times (at its rate: {modestly:.1f} ms)"
    what = f"p95 beside a tenant of {NOISY_RATE}/s that asks {NOISE} times as often"
    return [Row(what, figure, "≤ 1.2 times", noisily <= 1.2 * alone)]


def _honesty(bench: Bench) -> list[Row]:
    """What would make the other figures lie: other answers than expected, and requests that were never sent."""
    wrong = ", ".join(f"{count} times {what}" for what, count in sorted(bench.wrong.items()))
    return [
        Row("answers that were not expected", wrong or "0", "0", not bench.wrong),
        Row("requests that k6 had no client for", str(bench.dropped), "0", bench.dropped == 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
