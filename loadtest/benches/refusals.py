"""Measures refused Invokes: at a fixed rate, and from many clients at once relative to accepted ones."""

import statistics

from loadtest.benches.api_bench import SPARE_CLIENTS, UNLIMITED, ApiBench, median_p50, median_p95
from loadtest.benches.requests import Answers, Requests
from loadtest.reports.table import Row

REFUSALS_PER_S, REFUSED_CLIENTS = 300, 200
#: The numbers of clients that are tried with accepted Invokes. The one with the most answers a second counts.
ACCEPTED_CLIENTS = (2, 4, 8, 16)


def measured(bench: ApiBench) -> list[Row]:
    """Measures both kinds in the same rounds.

    A round begins when the records of the round before are in the ledger: while they are written, refusals share the
    machine with that (at 300 a second: p95 3 ms instead of 1).
    """
    steady, loop, noops = _requests(bench)
    for one in (steady, loop, noops[-1]):
        bench.warm_up(one)
    at_rate, at_once, best = [], [], []
    for _ in range(bench.rounds):
        bench.stack.wait_recorded()
        at_rate.append(bench.send(steady)["steady"])
        at_once.append(bench.send(loop)["loop"])
        best.append(max((bench.send(one)["noop"] for one in noops), key=lambda answers: answers.per_s))
    bench.lengths_ms |= {
        "refused, 300/s, p50": median_p50(at_rate),
        "refused, 300/s, p95": median_p95(at_rate),
        "refused, 200 clients, p95": median_p95(at_once),
        "accepted, most at once, p50": median_p50(best),
    }
    return _rows(median_p95(at_rate), median_p95(at_once), at_once, best)


def _requests(bench: ApiBench) -> tuple[Requests, Requests, list[Requests]]:
    refused = bench.stack.tenant("refused", rate_per_s=1, burst=1)
    accepted = bench.stack.tenant("accepted", rate_per_s=UNLIMITED, burst=UNLIMITED)
    steady = bench.requests("steady", refused, clients=SPARE_CLIENTS, rate_per_s=REFUSALS_PER_S, expected=429)
    loop = bench.requests("loop", refused, clients=REFUSED_CLIENTS, expected=429)
    return steady, loop, [bench.requests("noop", accepted, clients=clients) for clients in ACCEPTED_CLIENTS]


def _rows(steady_ms: float, loop_ms: float, refused: list[Answers], accepted: list[Answers]) -> list[Row]:
    ratio = statistics.median(no.per_s / yes.per_s for no, yes in zip(refused, accepted, strict=True))
    refusals, accepts = (statistics.median(one.per_s for one in rounds) for rounds in (refused, accepted))
    figure = f"{refusals:.0f}/s, accepted {accepts:.0f}/s: {ratio:.1f} times"
    closed_loop = f"refused, {REFUSED_CLIENTS} clients in a closed loop, p95"
    return [
        Row(f"refused, {REFUSALS_PER_S} a second, p95", f"{steady_ms:.2f} ms", "≤ 3 ms", steady_ms <= 3),
        Row(closed_loop, f"{loop_ms:.1f} ms", "≤ 80 ms", loop_ms <= 80),
        Row("refusals relative to accepted noops", figure, "≥ 4 times", ratio >= 4),
    ]
