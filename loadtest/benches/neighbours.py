"""Measures a quiet tenant's Invokes alone, next to a tenant that keeps to its rate, and next to a noisy one."""

from loadtest.benches.api_bench import SPARE_CLIENTS, UNLIMITED, ApiBench, median_p95
from loadtest.benches.requests import Answers, Requests
from loadtest.reports.table import Row

NOISY_RATE, TIMES, QUIET_PER_S = 10, 10, 20


def measured(bench: ApiBench) -> list[Row]:
    """Measures all three in the same rounds, each for twice a round's seconds."""
    quiet, neighbours = _requests(bench)
    bench.warm_up(*neighbours["next to a noisy one"], quiet)
    rounds: dict[str, list[Answers]] = {case: [] for case in neighbours}
    for _ in range(bench.rounds):
        for case, others in neighbours.items():
            rounds[case].append(bench.send(quiet, *others, seconds=2 * bench.seconds)["quiet"])
    lengths_ms = {case: median_p95(answers) for case, answers in rounds.items()}
    bench.lengths_ms |= {f"p95 {case}": length_ms for case, length_ms in lengths_ms.items()}
    return [_row(*lengths_ms.values())]


def _requests(bench: ApiBench) -> tuple[Requests, dict[str, list[Requests]]]:
    noisy_key = bench.stack.tenant("noisy", rate_per_s=NOISY_RATE, burst=NOISY_RATE)
    quiet_key = bench.stack.tenant("quiet", rate_per_s=UNLIMITED, burst=UNLIMITED)
    quiet = bench.requests("quiet", quiet_key, clients=SPARE_CLIENTS, rate_per_s=QUIET_PER_S)
    modest, noisy = (_noise(bench, noisy_key, times * NOISY_RATE) for times in (1, TIMES))
    return quiet, {"alone": [], "next to one at its rate": [modest], "next to a noisy one": [noisy]}


def _noise(bench: ApiBench, key: str, per_s: int) -> Requests:
    return bench.requests("noisy", key, clients=SPARE_CLIENTS, rate_per_s=per_s, also=429)


def _row(alone: float, modest: float, noisy: float) -> Row:
    figure = (
        f"{noisy:.1f} ms, alone {alone:.1f} ms: {noisy / alone:.2f} times (next to one at its rate: {modest:.1f} ms)"
    )
    what = f"p95 next to a tenant limited to {NOISY_RATE}/s that sends {TIMES} times as much"
    return Row(what, figure, "≤ 1.2 times", noisy <= 1.2 * alone)
