"""Measures Invoke and GetFunction of a tenant with ten thousand functions, relative to one with ten."""

from collections.abc import Sequence

from loadtest.benches.api_bench import SPARE_CLIENTS, UNLIMITED, ApiBench, median_p50
from loadtest.benches.requests import Answers, Requests
from loadtest.reports.table import Row

FEW, MANY = 10, 10_000
PER_S = 10
OPERATIONS = ("Invoke", "GetFunction")


def measured(bench: ApiBench) -> list[Row]:
    """Measures both operations of both tenants beside each other."""
    wanted = _requests(bench)
    bench.warm_up(*wanted)
    rounds = [bench.send(*wanted) for _ in range(bench.rounds)]
    return [_row(bench, operation, rounds) for operation in OPERATIONS]


def _requests(bench: ApiBench) -> list[Requests]:
    """Requests that start one after the other and keep that distance, so that none delays another."""
    keys = {FEW: bench.stack.tenant("few", **_LIMITS), MANY: bench.stack.tenant("many", **_LIMITS)}
    bench.stack.fill("few", FEW - 1)
    bench.stack.fill("many", MANY - 1)
    pairs = [(operation, size) for operation in OPERATIONS for size in (FEW, MANY)]
    apart_ms = 1000 // PER_S // len(pairs)
    return [_of(bench, operation, size, keys[size], n * apart_ms) for n, (operation, size) in enumerate(pairs)]


def _of(bench: ApiBench, operation: str, size: int, key: str, starts_after_ms: int) -> Requests:
    return bench.requests(
        f"{operation}-{size}",
        key,
        get=operation == "GetFunction",
        clients=SPARE_CLIENTS,
        rate_per_s=PER_S,
        starts_after_ms=starts_after_ms,
    )


_LIMITS = {"rate_per_s": UNLIMITED, "burst": UNLIMITED}


def _row(bench: ApiBench, operation: str, rounds: Sequence[dict[str, Answers]]) -> Row:
    few, many = (median_p50([one[f"{operation}-{size}"] for one in rounds]) for size in (FEW, MANY))
    bench.lengths_ms |= {f"{operation} of {FEW}, p50": few, f"{operation} of {MANY:,}, p50": many}
    figure = f"{many:.1f} ms, with {FEW} {few:.1f} ms: {many / few:.2f} times"
    return Row(f"{operation}, {MANY:,} functions relative to {FEW}, p50", figure, "≤ 1.2 times", many <= 1.2 * few)
