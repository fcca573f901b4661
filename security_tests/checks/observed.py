"""Reads sections out of what the attacker function answered."""

from collections.abc import Mapping
from typing import Any

Observed = Mapping[str, Any]


class NotObservedError(Exception):
    """The attacker could not collect a section, or it is not there; the message says which and why."""


def section(observed: Observed, name: str) -> Mapping[str, Any]:
    """Give one section; raise NotObservedError when the attacker could not collect it."""
    found = observed.get(name)
    if not isinstance(found, Mapping):
        raise NotObservedError(f"the attacker's answer has no section {name!r}")
    if "error" in found:
        raise NotObservedError(f"the attacker could not collect {name!r}: {found['error']}")
    return found
