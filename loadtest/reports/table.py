"""A table of figures, each held against a bar, as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure, the bar it must meet, and whether it does."""

    what: str
    figure: str
    bar: str
    met: bool


def markdown(rows: Sequence[Row]) -> str:
    """Returns the rows as a Markdown table."""
    lines = [f"| {row.what} | {row.figure} | {row.bar} | {'yes' if row.met else 'NO'} |" for row in rows]
    return "\n".join(["| what | measured | bar | met |", "|---|---|---|---|", *lines])
