"""Prints a benchmark's report, and writes its files where they are wanted."""

from pathlib import Path

from loadtest.reports.bench_report import BenchReport


def finish(report: BenchReport, out: Path | None) -> int:
    """Prints the report and writes its files into `out`. Returns the exit code: 1 when a bar is missed."""
    print(report.text())
    if out:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in report.files().items():
            (out / name).write_text(text)
    return 0 if report.met else 1
