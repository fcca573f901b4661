"""What the scan found, and what that makes of a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: A breach says enough with its first few instances.
MOST_TOLD = 4


class Status(StrEnum):
    """How a check ended, from harmless to bad."""

    OK = "ok"
    UNKNOWN = "unknown"
    BREACH = "BREACH"


@dataclass(frozen=True)
class Finding:
    """One thing a check looked at."""

    what: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Result:
    """One check with all it looked at."""

    check: str
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Status:
        """The worst of its findings."""
        return max((finding.status for finding in self.findings), key=list(Status).index)


def worst(results: Sequence[Result]) -> Status:
    """Give the worst status of all."""
    return max((result.status for result in results), key=list(Status).index)


def finding(what: str, faults: Sequence[str], fine: str) -> Finding:
    """Give a breach that names the faults, or, when there are none, an ok that says what was fine."""
    if not faults:
        return Finding(what, Status.OK, fine)
    more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
    return Finding(what, Status.BREACH, "; ".join(faults[:MOST_TOLD]) + more)
