"""The bars of the load tests, held against what was measured. Pure; a load that was not run has no row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from loadtest.reports.figures import PHASES
from loadtest.reports.percentiles import percentile
from loadtest.reports.table import Row

#: The figures of one load, as `drive` reports them.
Load = Mapping[str, Any]


def judged(scenarios: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Returns a row for each bar whose loads were run."""
    loads = {load["name"]: load for scenario in scenarios for load in scenario["loads"] if "skipped" not in load}
    rows = [row for judge, names in _JUDGES if loads.keys() >= set(names) for row in judge(*map(loads.get, names))]
    return rows + [row for scenario in scenarios for row in _cold_storm(scenario)]


def _only_callers(load: Load) -> Mapping[str, Any]:
    """Returns the figures of a load that has one group of callers."""
    [figures] = load["callers"].values()
    return dict(figures)


def _failed(callers: Mapping[str, Any], *expected: str) -> int:
    return int(sum(count for status, count in callers["statuses"].items() if status not in expected))


def _no_other_status(load: Load, *expected: str) -> Row:
    callers = _only_callers(load)
    statuses = ", ".join(f"{status}: {count}" for status, count in callers["statuses"].items())
    what = f"{load['name']}: only status {' and '.join(expected)}"
    return Row(what, statuses, "no other", not _failed(callers, *expected))


def _at_most(what: str, value: float | None, most: float) -> Row:
    figure = "none" if value is None else f"{value:.2f} ms"
    return Row(what, figure, f"≤ {most:g} ms", value is not None and value <= most)


def _latency(load: Load, status: str, percent: str) -> float | None:
    spread = _only_callers(load)["latency_ms"].get(status)
    return spread[percent] if spread else None


def _overhead(load: Load, percent: str) -> float | None:
    spread = _only_callers(load)["overhead_ms"]
    return spread[percent] if spread else None


def _capacity(load: Load) -> Iterator[Row]:
    yield _at_most("capacity, overhead p50", _overhead(load, "p50"), 2.5)
    yield _at_most("capacity, overhead p95", _overhead(load, "p95"), 5)
    yield _no_other_status(load, "200")


def _closed(load: Load) -> Iterator[Row]:
    yield _at_most("closed 50, p95", _latency(load, "200", "p95"), 550)
    yield _no_other_status(load, "200")


def _stress(most_ms: float) -> Callable[..., Iterator[Row]]:
    def judge(load: Load) -> Iterator[Row]:
        yield _at_most(f"{load['name']}: refusals, p95", _latency(load, "429", "p95"), most_ms)
        yield _no_other_status(load, "200", "429")

    return judge


def _one_client(hearth: Load, bare: Load) -> Iterator[Row]:
    ours, floor = (_latency(load, "200", "p50") for load in (hearth, bare))
    yield _at_most("noop, 1 client, express, p50", ours, 2.5)
    if ours is not None and floor:
        figure = f"{ours / floor:.2f} times {floor:.2f} ms"
        yield Row("noop, 1 client, express, relative to the bare server", figure, "≤ 5 times", ours <= 5 * floor)


def _throughput(load: Load) -> Iterator[Row]:
    per_s = _only_callers(load)["per_s"] or 0.0
    yield Row("noop, 32 clients, express", f"{per_s:.0f}/s", "≥ 600/s", per_s >= 600)
    yield _no_other_status(load, "200")


def _lanes(express: Load, durable: Load) -> Iterator[Row]:
    fast, slow = (_latency(load, "200", "p50") for load in (express, durable))
    if fast and slow:
        figure = f"{slow:.2f} ms / {fast:.2f} ms: {slow / fast:.1f} times"
        yield Row("noop, 1 client, durable relative to express, p50", figure, "≥ 4 times", slow >= 4 * fast)


def _cold_storm(scenario: Mapping[str, Any]) -> Iterator[Row]:
    """Judges a scenario that also measured how many containers a second the engine starts by itself."""
    if not scenario["engine_starts_per_s"]:
        return
    [load] = scenario["loads"]
    yield _no_other_status(load, "200")
    if longest_ms := _latency(load, "200", "max"):
        yield _starts(_only_callers(load)["calls"] / (longest_ms / 1000), scenario["engine_starts_per_s"])
    if load["found_stems"] and load["phases"]:
        yield _from_stems(load)


def _starts(per_s: float, engine_per_s: float) -> Row:
    figure = f"{per_s:.1f}/s; the engine alone starts {engine_per_s:.1f}/s: {per_s / engine_per_s:.0%}"
    return Row("cold storm, starts", figure, "≥ 80 %", per_s >= 0.8 * engine_per_s)


def _from_stems(load: Load) -> Row:
    """Judges the calls that found a Stem. A record does not tell which these were, so the fastest are taken."""
    found = load["found_stems"]
    lengths_ms = sorted(sum(call[phase] for phase in PHASES) for call in load["phases"])
    return _at_most(f"cold storm, calls that found a Stem ({found}), p95", percentile(lengths_ms[:found], 95), 60)


def _mixed(load: Load) -> Iterator[Row]:
    """Judges the quiet tenants only: refusals of the noisy one are what the limits are for (promise 9)."""
    quiet = [figures for name, figures in load["callers"].items() if name != "noisy"]
    failed, calls = sum(_failed(one, "200") for one in quiet), sum(one["calls"] for one in quiet)
    yield Row("mixed, failed calls of quiet tenants next to a noisy one", f"{failed} of {calls}", "none", not failed)


def _soak(load: Load) -> Iterator[Row]:
    for name, found in load["growth"].items():
        figure = f"{found['early']:g} → {found['late']:g}"
        yield Row(f"soak, {name.replace('_', ' ')}", figure, "flat", found["flat"])
    yield from (_no_errors(name, callers) for name, callers in load["callers"].items())


def _no_errors(name: str, callers: Mapping[str, Any]) -> Row:
    failed = _failed(callers, "200", "202")
    figure = f"{failed} failed, {callers['dropped']} not sent"
    return Row(f"soak, calls of {name!r} that failed", figure, "0", not failed)


#: Each judge with the names of the loads that it compares.
_JUDGES: list[tuple[Callable[..., Iterable[Row]], tuple[str, ...]]] = [
    (_capacity, ("capacity",)),
    (_closed, ("closed 50",)),
    (_stress(10), ("stress, 1 s think time",)),
    (_stress(80), ("stress, 0 s think time",)),
    (_one_client, ("noop express, 1", "noop bare, 1")),
    (_throughput, ("noop express, 32",)),
    (_lanes, ("noop express, 1", "noop durable, 1")),
    (_mixed, ("quiet beside noisy",)),
    (_soak, ("soak",)),
]
