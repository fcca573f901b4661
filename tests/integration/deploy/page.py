"""docs/deploy.md as it stands: its blocks of commands, by the heading they stand under."""

import re
from dataclasses import dataclass

from tests.conftest import ROOT

PATH = ROOT / "docs" / "deploy.md"

_HEADING = re.compile(r"^## (.*)$")
_EXPORT = re.compile(r"^export (\w+)=", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of commands."""

    heading: str
    text: str

    @property
    def is_for_your_values(self) -> bool:
        return self.text.startswith("# Put in your own values.\n")

    @property
    def is_not_run(self) -> bool:
        return self.text.startswith("# Not run by the tests: ")

    @property
    def exports(self) -> set[str]:
        return set(_EXPORT.findall(self.text))


def blocks() -> list[Block]:
    """Every fenced block of the page, in order; fail on one that is no block of commands."""
    found: list[Block] = []
    heading, fence, lines = "", "", list[str]()
    for line in PATH.read_text().splitlines():
        if fence and line == "```":
            assert fence == "```sh", f"a block of {fence} under {heading}: how is it tested?"
            found.append(Block(heading, "\n".join(lines) + "\n"))
            fence, lines = "", []
        elif fence:
            lines.append(line)
        elif line.startswith("```"):
            fence = line
        elif match := _HEADING.match(line):
            heading = match[1]
    return found


def commands(heading: str) -> list[Block]:
    """The blocks under a heading that are to be run as they are."""
    under = [block for block in blocks() if block.heading == heading]
    return [block for block in under if not block.is_for_your_values and not block.is_not_run]


def yours() -> set[str]:
    """Every variable that the page asks for."""
    return {name for block in blocks() if block.is_for_your_values for name in block.exports}
