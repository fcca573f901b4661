"""The bars that the load tests must meet, held against what was measured; pure, and silent on what was not run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from loadtest.benches.workload import Row
from loadtest.reports.figures import PHASES, percentile

#: What a scenario's report says of one group of callers, by load and group.
Found = Callable[[str, str], Mapping[str, Any]]


def judged(scenarios: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Give a row for each bar whose loads were run."""
    loads = {load["name"]: load for one in scenarios for load in one["loads"] if "skipped" not in load}
    rows: list[Row] = []
    for judge, needed in _JUDGES:
        if all(name in loads for name in needed):
            rows += judge(*(loads[name] for name in needed))
    for one in scenarios:
        rows += _storm(one)
    return rows


def _users(load: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the figures of a load's only callers."""
    [figures] = load["callers"].values()
    return dict(figures)


def _failed(figures: Mapping[str, Any], *fine: str) -> int:
    return int(sum(count for status, count in figures["statuses"].items() if status not in fine))


def _only(figures: Mapping[str, Any], *fine: str) -> Row:
    wrong = _failed(figures, *fine)
    spelt = ", ".join(f"{status}: {count}" for status, count in figures["statuses"].items())
    return Row(f"its statuses: only {' and '.join(fine)}", spelt, "no other", wrong == 0)


def _at_most(what: str, value: float | None, most: float) -> Row:
    figure = "none" if value is None else f"{value:.2f} ms"
    return Row(what, figure, f"≤ {most:g} ms", value is not None and value <= most)


def _of(spread: Mapping[str, float] | None, percentile: str) -> float | None:
    return spread[percentile] if spread else None


def _capacity(load: Mapping[str, Any]) -> Iterator[Row]:
    users = _users(load)
    yield _at_most("capacity, overhead p50", _of(users["overhead_ms"], "p50"), 2.5)
    yield _at_most("capacity, overhead p95", _of(users["overhead_ms"], "p95"), 5)
    yield _only(users, "200")


def _closed(load: Mapping[str, Any]) -> Iterator[Row]:
    users = _users(load)
    yield _at_most("closed 50, p95", _of(users["latency_ms"].get("200"), "p95"), 550)
    yield _only(users, "200")


def _stress(what: str, most: float) -> Callable[..., Iterator[Row]]:
    def judge(load: Mapping[str, Any]) -> Iterator[Row]:
        users = _users(load)
        yield _at_most(f"{what}: refusals, p95", _of(users["latency_ms"].get("429"), "p95"), most)
        yield _only(users, "200", "429")

    return judge


def _one_client(ours: Mapping[str, Any], bare: Mapping[str, Any]) -> Iterator[Row]:
    mine, floor = (_of(_users(load)["latency_ms"].get("200"), "p50") for load in (ours, bare))
    yield _at_most("noop, 1 client, express, p50", mine, 2.5)
    if mine is not None and floor:
        times = mine / floor
        yield Row("the same, beside the bare server", f"{times:.2f} times {floor:.2f} ms", "≤ 5 times", times <= 5)


def _throughput(load: Mapping[str, Any]) -> Iterator[Row]:
    clients = _users(load)
    per_s = clients["per_s"] or 0.0
    yield Row("noop, 32 clients, express", f"{per_s:.0f}/s", "≥ 600/s", per_s >= 600)
    yield _only(clients, "200")


def _lanes(express: Mapping[str, Any], durable: Mapping[str, Any]) -> Iterator[Row]:
    fast, slow = (_of(_users(load)["latency_ms"].get("200"), "p50") for load in (express, durable))
    if fast and slow:
        figure = f"{slow:.2f} ms / {fast:.2f} ms: {slow / fast:.1f} times"
        yield Row("durable beside express, 1 client, p50", figure, "≥ 4 times", slow >= 4 * fast)


def _storm(one: Mapping[str, Any]) -> Iterator[Row]:
    """A record does not say who found a Stem, the worker only how many did: they are taken to be the fastest."""
    if not one["engine_starts_per_s"]:
        return
    [load] = one["loads"]
    strangers = _users(load)
    yield _only(strangers, "200")
    latency = strangers["latency_ms"].get("200")
    if latency:
        per_s, engine = strangers["calls"] / (latency["max"] / 1000), one["engine_starts_per_s"]
        figure = f"{per_s:.1f}/s, beside {engine:.1f}/s of the engine alone: {per_s / engine:.0%}"
        yield Row("cold storm, starts", figure, "≥ 80 %", per_s >= 0.8 * engine)
    found = load["found_stems"]
    if found and load["phases"]:
        whole = sorted(sum(call[phase] for phase in PHASES) for call in load["phases"])[:found]
        yield _at_most(f"cold storm, the {found} that found a Stem, p95", percentile(whole, 95), 60)


def _mixed(load: Mapping[str, Any]) -> Iterator[Row]:
    """A flood of one tenant's is that tenant's own trouble (promise 9)."""
    quiet = [figures for name, figures in load["callers"].items() if name != "noisy"]
    wrong, calls = sum(_failed(figures, "200") for figures in quiet), sum(figures["calls"] for figures in quiet)
    yield Row("mixed, quiet tenants' calls not answered, beside a noisy one", f"{wrong} of {calls}", "none", wrong == 0)


def _soak(load: Mapping[str, Any]) -> Iterator[Row]:
    for name, found in load["growth"].items():
        figure = f"{found['early']:g} → {found['late']:g}"
        yield Row(f"soak, {name.replace('_', ' ')}", figure, "flat", found["flat"])
    for name, figures in load["callers"].items():
        wrong = _failed(figures, "200", "202")
        yield Row(f"soak, {name}: errors and calls not made", f"{wrong} and {figures['dropped']}", "0", not wrong)


_JUDGES: list[tuple[Callable[..., Iterator[Row]], tuple[str, ...]]] = [
    (_capacity, ("capacity",)),
    (_closed, ("closed 50",)),
    (_stress("stress, 1 s think time", 10), ("stress, 1 s think time",)),
    (_stress("stress, no think time", 80), ("stress, 0 s think time",)),
    (_one_client, ("noop express, 1", "noop bare, 1")),
    (_throughput, ("noop express, 32",)),
    (_lanes, ("noop express, 1", "noop durable, 1")),
    (_mixed, ("quiet beside noisy",)),
    (_soak, ("soak",)),
]
