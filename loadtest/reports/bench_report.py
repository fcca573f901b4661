"""The files that a benchmark leaves: its table as Markdown, its figures as JSON, its lengths as a chart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.reports.chart import log_bars
from loadtest.reports.table import Row, markdown


@dataclass(frozen=True)
class BenchReport:
    """What one benchmark measured: `name` is its make target without `bench-`, `lengths_ms` are for the chart."""

    name: str
    machine: str
    rows: Sequence[Row]
    lengths_ms: Mapping[str, float]

    @property
    def met(self) -> bool:
        """Whether every bar is met."""
        return all(row.met for row in self.rows)

    def text(self) -> str:
        """Returns the machine and the table as Markdown."""
        return f"{self.machine}\n\n{markdown(self.rows)}\n"

    def files(self) -> dict[str, str]:
        """Returns the contents of the report's files by name."""
        figures = {"machine": self.machine, "rows": [vars(row) for row in self.rows], "lengths_ms": self.lengths_ms}
        return {
            f"{self.name}.md": f"# `make bench-{self.name}`\n\n{self.text()}\n![lengths]({self.name}.svg)\n",
            f"{self.name}.json": json.dumps(figures, ensure_ascii=False, indent=1) + "\n",
            f"{self.name}.svg": log_bars("Lengths, ms (logarithmic)", self.lengths_ms),
        }
