"""Turns what was measured into one page of HTML with charts: pure text out of plain values, no script, no network."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadtest.benches.workload import Row
from loadtest.reports import chart, figures

STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:1160px;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #d1d5db;padding:3px 9px;text-align:left}"
    "th{background:#f3f4f6}.no{background:#fee2e2}figure{display:inline-block;margin:6px}"
    "summary{cursor:pointer;font-weight:bold;margin:.6em 0}code{background:#f3f4f6;padding:1px 4px}"
)
NOTES = (
    "Latency is the client's, as k6 measures it: from the first byte sent to the last received.",
    "Overhead is, for each call, latency minus what the handler took by its own clock.",
    "Phases are from the Invocation's own record; rest is what is neither queue, start nor run: admission and answer.",
    "An asynchronous caller looks for its record every 100 ms; how long it took is by the record's own two moments.",
    "The load generator runs on the same machine and takes its share of the same cores.",
    "Bare is the same handler on a threaded HTTP server without isolation.",
    "The emulator is AWS's own, with AWS's own runtime client; it takes one call at a time.",
)


def page(about: Mapping[str, str], scenarios: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> str:
    """Give the whole report."""
    told = "".join(f"<li>{_text(name)}: <code>{_text(value)}</code></li>" for name, value in about.items())
    notes = "".join(f"<li>{_text(note)}</li>" for note in NOTES)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hearth under load</title>'
        f"<style>{STYLE}</style></head><body><h1>Hearth under load</h1><ul>{told}</ul>{_bars(rows)}<ul>{notes}</ul>"
        f"{''.join(_scenario(one) for one in scenarios)}</body></html>\n"
    )


def _bars(rows: Sequence[Row]) -> str:
    cells = [(row.what, row.figure, row.bar, "yes" if row.met else "NO") for row in rows]
    return f"<h2>Bars</h2>{_table(('what', 'measured', 'bar', 'met'), cells)}" if rows else ""


def _scenario(one: Mapping[str, Any]) -> str:
    settings = " ".join(f"{name}={value}" for name, value in one["settings"].items()) or "the defaults"
    beside = one["engine_starts_per_s"]
    alone = f"<p>The engine alone created and started {beside} containers a second.</p>" if beside else ""
    lines = [line for load in one["loads"] for line in _lines(load)]
    head = (
        "load",
        "callers",
        "calls",
        "a second",
        "statuses",
        "of",
        "p50",
        "p90",
        "p95",
        "p99",
        "max",
        "overhead p50, p95",
    )
    return (
        f"<h2>{_text(one['name'])}</h2><p>{_text(one['says'])}</p>"
        f"<p>Settings: <code>{_text(settings)}</code></p>{alone}"
        f"{_table(head, lines)}{''.join(_skipped(load) or _charts(load) for load in one['loads'])}"
    )


def _lines(load: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Give a line for each group of callers and status, latencies in ms; one more for the way to the record."""
    lines = []
    for name, group in load.get("callers", {}).items():
        statuses = ", ".join(f"{status}: {count}" for status, count in group["statuses"].items())
        first = (load["name"], name, str(group["calls"]), str(group["per_s"]), statuses)
        spreads = {**group["latency_ms"], "to record": group["to_record_ms"]}
        for of, spread in spreads.items():
            if spread:
                overhead = group["overhead_ms"] if of == "200" else None
                pair = f"{overhead['p50']:.2f}, {overhead['p95']:.2f}" if overhead else ""
                lines.append((*first, of, *_numbers(spread), pair))
    return lines


def _numbers(spread: Mapping[str, float]) -> Iterable[str]:
    return (f"{spread[name]:.2f}" for name in ("p50", "p90", "p95", "p99", "max"))


def _skipped(load: Mapping[str, Any]) -> str:
    return f"<p>{_text(load['name'])} was not run: {_text(load['skipped'])}</p>" if "skipped" in load else ""


def _charts(load: Mapping[str, Any]) -> str:
    drawn = [*_time_charts(load), *_call_charts(load), *_stack_charts(load)]
    shown = "".join(f"<figure>{svg}</figure>" for svg in drawn)
    said = "".join(f"<li>{_text(complaint)}</li>" for complaint in load["complaints"])
    told = f"<p>Answers that were none:</p><ul>{said}</ul>" if said else ""
    return f"<details><summary>{_text(load['name'])}</summary>{_stages(load)}{told}{shown}</details>"


def _time_charts(load: Mapping[str, Any]) -> Iterable[str]:
    seconds = load["over_time"]
    labels = [f"{row['second']} s" for row in seconds]
    latencies = {name: [row[name] for row in seconds] for name in ("p50", "p95", "p99")}
    yield chart.lines("Latency over time, ms", latencies, labels)
    if len(load["p95_over_time"]) > 1:
        yield chart.lines("The same, p95 of each group of callers, ms", load["p95_over_time"], labels)
    statuses = sorted({status for row in seconds for status in row["statuses"]})
    counts = {status: [float(row["statuses"].get(status, 0)) for row in seconds] for status in statuses}
    yield chart.columns("Answers a second, by status", counts, labels)


def _call_charts(load: Mapping[str, Any]) -> Iterable[str]:
    bins = load["histogram"]
    counts = {"calls": [float(one["count"]) for one in bins]}
    yield chart.columns("Latencies, ms (logarithmic)", counts, [f"{one['from_ms']:.3g}" for one in bins])
    groups = sorted({call["callers"] for call in load["phases"]})
    stacks = {
        f"{name}, {kind}": parts
        for name in groups
        for kind, parts in figures.median_phases([call for call in load["phases"] if call["callers"] == name]).items()
    }
    if stacks:
        yield chart.stacked("Phases of a call, medians, ms", stacks, lambda ms: f"{ms:.2f}")


def _stack_charts(load: Mapping[str, Any]) -> Iterable[str]:
    rows = load["stack"]
    labels = [f"{row['at_s']:.0f} s" for row in rows]
    names = sorted({name for row in rows for name in row["parts"]})
    for title, figure in (("Cores used", "cores"), ("Memory, MB", "memory_mb"), ("Open descriptors", "descriptors")):
        held = {name: [_held(row, name, figure) for row in rows] for name in names}
        host = {"machine": [row["host_cores"] for row in rows]} if figure == "cores" else {}
        yield chart.lines(title, {**held, **host}, labels)
    for count in ("containers", "redis_keys"):
        if rows and count in rows[0]:
            yield chart.lines(count.replace("_", " "), {count: [row[count] for row in rows]}, labels)


def _held(row: Mapping[str, Any], part: str, figure: str) -> float | None:
    found = row["parts"].get(part)
    return float(found[figure]) if found else None


def _stages(load: Mapping[str, Any]) -> str:
    cells = [
        (name, f"{stage['stack_cores']:.2f}", f"{stage['host_cores']:.2f}", f"{stage['memory_mb']:.0f}")
        for name, stage in load["stages"].items()
    ]
    return _table(("", "stack, cores", "machine, cores", "stack, MB"), cells)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join(_line(line) for line in lines)
    return f"<table><tr>{titles}</tr>{body}</table>"


def _line(cells: Sequence[str]) -> str:
    missed = ' class="no"' if cells[-1] == "NO" else ""
    return f"<tr{missed}>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(value: object) -> str:
    return html.escape(str(value))
