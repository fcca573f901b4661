"""The drawing of the ledger's states in ARCHITECTURE.md, held against the table that the conditions come from."""

import re
from collections.abc import Iterator

from shared_lua.steps import STEPS, State, Step
from tests.conftest import ROOT


def drawn() -> set[str]:
    """The arrows of the page."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    [text] = re.findall(
        r"<!-- ledger: begin -->\n```mermaid\nstateDiagram-v2\n(.*?)```\n<!-- ledger: end -->", page, re.DOTALL
    )
    return {line.strip() for line in text.splitlines()}


def arrows() -> Iterator[str]:
    """The arrows of the table, as Mermaid spells them."""
    for step, way in STEPS.items():
        for before in way.before:
            for after in way.after:
                # A redrive marks a row and leaves its status.
                if step is not Step.REDRIVE or before is after:
                    yield f"{name(before)} --> {name(after)}: {step}"


def name(state: State) -> str:
    return "[*]" if state is None else state.value


def test_the_ledger_is_drawn_as_its_table_says() -> None:
    assert drawn() == set(arrows())
