"""Turns what was measured into one HTML page with charts: no script in it, and nothing fetched from the network."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from loadtest.reports import chart, figures
from loadtest.reports.table import Row

STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:1160px;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #d1d5db;padding:3px 9px;text-align:left}"
    "th{background:#f3f4f6}.no{background:#fee2e2}figure{display:inline-block;margin:6px}"
    "summary{cursor:pointer;font-weight:bold;margin:.6em 0}code{background:#f3f4f6;padding:1px 4px}"
)
NOTES = (
    "Latency is measured at the client, by k6: from the first byte sent to the last byte received.",
    "Only results (2xx) and refusals (429) have a latency. Errors are counted by status.",
    "Percentiles are interpolated linearly between the two nearest ranks.",
    "Overhead is a call's latency minus the time that the handler took by its own clock.",
    "Phases come from the Invocation's record. “rest” is what the record does not cover: admission and the answer.",
    "Asynchronous callers poll for their record every 100 ms. “to record” is computed from the record's own times.",
    "The load generator runs on the same machine and uses the same cores.",
    "“bare” is the same handler on a threaded HTTP server, without isolation.",
    "“emulator” is AWS's Lambda runtime interface emulator with AWS's runtime client. It takes one call at a time.",
)
LOAD_HEAD = (
    "load",
    "callers",
    "calls",
    "calls/s",
    "calls by status",
    "status",
    "p50",
    "p90",
    "p95",
    "p99",
    "max",
    "overhead p50, p95",
)


def page(about: Mapping[str, str], scenarios: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> str:
    """Returns the whole report. `about` says when, where and how it was measured."""
    facts = "".join(f"<li>{_text(name)}: <code>{_text(value)}</code></li>" for name, value in about.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hearth under load</title>'
        f"<style>{STYLE}</style></head><body><h1>Hearth under load</h1><ul>{facts}</ul>{_bars(rows)}{_list(NOTES)}"
        f"{''.join(map(_scenario, scenarios))}</body></html>\n"
    )


def _bars(rows: Sequence[Row]) -> str:
    cells = [(row.what, row.figure, row.bar, "yes" if row.met else "NO") for row in rows]
    return f"<h2>Bars</h2>{_table(('what', 'measured', 'bar', 'met'), cells)}" if rows else ""


def _scenario(scenario: Mapping[str, Any]) -> str:
    settings = " ".join(f"{name}={value}" for name, value in scenario["settings"].items()) or "the defaults"
    lines = [line for load in scenario["loads"] for line in _lines(load)]
    return (
        f"<h2>{_text(scenario['name'])}</h2><p>{_text(scenario['description'])}</p>"
        f"<p>Settings: <code>{_text(settings)}</code></p>{_engine_starts(scenario['engine_starts_per_s'])}"
        f"<p>Lengths are in ms.</p>{_table(LOAD_HEAD, lines)}"
        f"{''.join(_skipped(load) or _details(load) for load in scenario['loads'])}"
    )


def _engine_starts(per_s: float | None) -> str:
    return f"<p>The engine alone created and started {per_s} containers a second.</p>" if per_s else ""


def _lines(load: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yields a line for each group of callers and status, and one for the time to the record of asynchronous calls."""
    for name, group in load.get("callers", {}).items():
        statuses = ", ".join(f"{status}: {count}" for status, count in group["statuses"].items())
        first = (load["name"], name, str(group["calls"]), str(group["per_s"]), statuses)
        for status, spread in {**group["latency_ms"], "to record": group["to_record_ms"]}.items():
            if spread:
                yield (*first, status, *_numbers(spread), _pair(group["overhead_ms"] if status == "200" else None))


def _numbers(spread: Mapping[str, float]) -> Iterable[str]:
    return (f"{spread[name]:.2f}" for name in ("p50", "p90", "p95", "p99", "max"))


def _pair(overhead: Mapping[str, float] | None) -> str:
    return f"{overhead['p50']:.2f}, {overhead['p95']:.2f}" if overhead else ""


def _skipped(load: Mapping[str, Any]) -> str:
    return f"<p>{_text(load['name'])} was not run: {_text(load['skipped'])}</p>" if "skipped" in load else ""


def _details(load: Mapping[str, Any]) -> str:
    drawn = [*_time_charts(load), *_call_charts(load), *_stack_charts(load)]
    figures_shown = "".join(f"<figure>{svg}</figure>" for svg in drawn)
    errors = f"<p>Errors, each kind once:</p>{_list(load['complaints'])}" if load["complaints"] else ""
    return f"<details><summary>{_text(load['name'])}</summary>{_stages(load)}{errors}{figures_shown}</details>"


def _time_charts(load: Mapping[str, Any]) -> Iterator[str]:
    seconds = load["over_time"]
    labels = [f"{row['second']} s" for row in seconds]
    latencies = {name: [row[name] for row in seconds] for name in ("p50", "p95", "p99")}
    yield chart.lines("Latency over time, ms", latencies, labels)
    if len(load["p95_over_time"]) > 1:
        yield chart.lines("Latency over time, p95 of each group of callers, ms", load["p95_over_time"], labels)
    yield chart.columns("Calls a second, by status", _status_counts(seconds), labels)


def _status_counts(seconds: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    statuses = sorted({status for row in seconds for status in row["statuses"]})
    return {status: [float(row["statuses"].get(status, 0)) for row in seconds] for status in statuses}


def _call_charts(load: Mapping[str, Any]) -> Iterator[str]:
    bins = load["histogram"]
    counts = {"calls": [float(one["count"]) for one in bins]}
    yield chart.columns("Latencies, ms (logarithmic)", counts, [f"{one['from_ms']:.3g}" for one in bins])
    if stacks := _phase_stacks(load["phases"]):
        yield chart.stacked("Phases of a call, medians, ms", stacks, lambda ms: f"{ms:.2f}")


def _phase_stacks(calls: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, float]]:
    return {
        f"{name}, {kind}": parts
        for name in sorted({call["callers"] for call in calls})
        for kind, parts in figures.median_phases([call for call in calls if call["callers"] == name]).items()
    }


def _stack_charts(load: Mapping[str, Any]) -> Iterator[str]:
    rows = load["stack"]
    labels = [f"{row['at_s']:.0f} s" for row in rows]
    machine = {"machine": [row["host_cores"] for row in rows]}
    yield chart.lines("Cores used", {**_parts(rows, "cores"), **machine}, labels)
    yield chart.lines("Memory, MB", _parts(rows, "memory_mb"), labels)
    yield chart.lines("Open descriptors", _parts(rows, "descriptors"), labels)
    for count in ("containers", "redis_keys"):
        if rows and count in rows[0]:
            yield chart.lines(count.replace("_", " "), {count: [row[count] for row in rows]}, labels)


def _parts(rows: Sequence[Mapping[str, Any]], figure: str) -> dict[str, list[float | None]]:
    """Returns a figure of each part of the stack for each row; None where the part was not there."""
    names = sorted({name for row in rows for name in row["parts"]})
    return {name: [row["parts"].get(name, {}).get(figure) for row in rows] for name in names}


def _stages(load: Mapping[str, Any]) -> str:
    cells = [
        (name, f"{stage['stack_cores']:.2f}", f"{stage['host_cores']:.2f}", f"{stage['memory_mb']:.0f}")
        for name, stage in load["stages"].items()
    ]
    return _table(("", "stack, cores", "machine, cores", "stack, MB"), cells)


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    return f"<table><tr>{titles}</tr>{''.join(map(_line, lines))}</table>"


def _line(cells: Sequence[str]) -> str:
    missed = ' class="no"' if cells[-1] == "NO" else ""
    return f"<tr{missed}>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(value: object) -> str:
    return html.escape(str(value))
