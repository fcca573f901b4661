"""The pages and charts of reports, and the progress bar on the terminal."""

import io
import json
from xml.etree import ElementTree

from loadtest.progress import Progress
from loadtest.reports import chart, html_page
from loadtest.reports.bench_report import BenchReport
from loadtest.reports.table import Row
from tests.unit.loadtest.builders import group, load, scenario


def drawn(svg: str, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(svg).findall(f"{{http://www.w3.org/2000/svg}}{tag}")


def test_a_page_names_where_it_was_measured_every_bar_and_what_was_not_run() -> None:
    skipped = {"name": "heavy, emulator", "target": "emulator", "skipped": "AWS's emulator cannot be had"}
    rows = [Row("noop", "3 ms", "≤ 2.5 ms", False)]

    page = html_page.page({"machine": "a <small> one"}, [scenario(load("capacity"), skipped)], rows)

    assert "a &lt;small&gt; one" in page
    assert '<tr class="no"><td>noop</td><td>3 ms</td><td>≤ 2.5 ms</td><td>NO</td></tr>' in page
    assert "heavy, emulator was not run: AWS&#x27;s emulator cannot be had" in page
    assert page.count("<svg") == 7  # two over time, two of the calls, three of the stack
    assert "<script" not in page
    assert page.count("http") == page.count("http://www.w3.org/2000/svg")  # nothing is fetched from anywhere


def test_refusals_have_a_line_of_their_own_and_no_overhead() -> None:
    spread = {"count": 1, "p50": 1.0, "p90": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.5}
    users = group(statuses={"200": 9, "429": 1}, latency_ms={"200": {**spread, "p50": 500.0}, "429": spread})

    page = html_page.page({}, [scenario(load("stress", callers={"users": users}))], [])

    assert "<td>429</td><td>1.00</td><td>1.00</td><td>1.00</td><td>1.00</td><td>1.50</td><td></td>" in page
    assert "<td>200</td><td>500.00</td>" in page


def test_callers_of_several_kinds_have_a_chart_that_tells_them_apart() -> None:
    both = load("soak", p95_over_time={"short": [4.0], "long": [900.0]})

    assert "p95 of each group of callers, ms" in html_page.page({}, [scenario(both)], [])
    assert "p95 of each group of callers" not in html_page.page({}, [scenario(load("soak"))], [])


def test_a_load_that_got_no_answer_at_all_can_be_drawn() -> None:
    nothing = load("capacity", callers={}, p95_over_time={}, over_time=[], histogram=[], phases=[], stack=[], stages={})

    assert "capacity" in html_page.page({}, [scenario(nothing)], [])


def test_a_line_breaks_where_there_is_no_value() -> None:
    svg = chart.lines("t", {"p50": [1.0, 2.0, None, 4.0]}, ["a", "b", "c", "d"])

    assert (len(drawn(svg, "polyline")), len(drawn(svg, "circle"))) == (1, 1)


def test_columns_stand_on_each_other_and_nothing_has_no_box() -> None:
    svg = chart.columns("t", {"200": [3.0, 4.0], "429": [1.0, 0.0]}, ["0 s", "1 s"])

    first, second, alone = [box for box in drawn(svg, "rect") if box.get("width") not in ("100%", "10")]
    assert float(first.get("y", 0)) == float(second.get("y", 0)) + float(second.get("height", 0))
    assert float(alone.get("height", 0)) == chart.PLOT_HEIGHT


def test_the_longest_stack_takes_the_whole_width_and_says_its_sum() -> None:
    svg = chart.stacked("t", {"warm": {"queue": 1.0, "run": 3.0}, "cold": {"run": 2.0}}, lambda ms: f"{ms:.1f}")

    boxes = [box for box in drawn(svg, "rect") if box.get("height") == str(chart.ROW - 8)]
    assert [float(box.get("width", 0)) for box in boxes] == [chart.WIDTH / 4, chart.WIDTH * 3 / 4, chart.WIDTH / 2]
    assert boxes[1].get("fill") == boxes[2].get("fill") != boxes[0].get("fill")  # a phase has one colour everywhere
    assert "4.0" in [text.text for text in drawn(svg, "text")]


def test_names_cannot_break_a_chart() -> None:
    ElementTree.fromstring(chart.lines("<&>", {'"<x>': [1.0]}, ["<"]))


def test_progress_in_a_pipe_is_one_line_for_each_thing_begun() -> None:
    out = io.StringIO()
    progress = Progress(10, out)

    progress.show("noop", "a")
    progress.show("noop", "a", 3.0)
    progress.done(5)
    progress.show("noop", "b", 1.0)
    progress.show("noop", "c", 99.0)

    assert out.getvalue().splitlines() == ["  0%  noop: a", " 60%  noop: b", "100%  noop: c"]


def test_errors_are_quoted_and_escaped() -> None:
    page = html_page.page({}, [scenario(load("capacity", complaints=["502 <lost>"]))], [])

    assert "<li>502 &lt;lost&gt;</li>" in page


def test_a_benchmark_leaves_a_table_its_figures_and_a_chart() -> None:
    rows = [Row("warm call", "0.17 ms", "≤ 0.5 ms", True), Row("thaw", "0.9 ms", "≤ 0.8 ms", False)]
    report = BenchReport("worker", "a small machine", rows, {"warm <call>": 0.17, "docker exec": 52.0})

    files = report.files()

    assert list(files) == ["worker.md", "worker.json", "worker.svg"]
    assert files["worker.md"].startswith(
        "# `make bench-worker`\n\na small machine\n\n| what | measured | bar | met |\n"
    )
    assert "| thaw | 0.9 ms | ≤ 0.8 ms | NO |" in files["worker.md"]
    assert json.loads(files["worker.json"])["lengths_ms"] == {"warm <call>": 0.17, "docker exec": 52.0}
    assert [text.text for text in drawn(files["worker.svg"], "text")][1::2] == ["warm <call>", "docker exec"]
    assert not report.met
    assert BenchReport("worker", "", rows[:1], {}).met
