"""What the measurements of `bench-api` share: the stack, the rounds, and what went wrong in them."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.benches import requests
from loadtest.benches.own_stack import NOOP, OwnStack
from loadtest.benches.requests import Answers, Requests
from loadtest.reports.table import Row

#: A rate that no request here exceeds.
UNLIMITED = 100_000
#: For requests at a rate: more clients than are ever needed at once.
SPARE_CLIENTS = 200
WARM_UP_S = 2


@dataclass
class ApiBench:
    """A benchmark on a stack of its own. It gathers lengths for the chart, unexpected answers and dropped requests."""

    stack: OwnStack
    rounds: int
    seconds: float
    lengths_ms: dict[str, float] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    dropped: int = 0

    def requests(self, name: str, key: str, *, get: bool = False, **how: Any) -> Requests:
        """Returns Invokes of a tenant's noop, or GetFunctions of it, by the Lambda API."""
        path = f"/2015-03-31/functions/{NOOP}" + ("" if get else "/invocations")
        headers = {"x-api-key": key, "content-type": "application/json"}
        method = "GET" if get else "POST"
        return Requests(name=name, method=method, url=self.stack.url + path, headers=headers, **how)

    def warm_up(self, *wanted: Requests) -> None:
        """Sends requests that are not measured, so that sandboxes are warm and the gateway's connections are open."""
        requests.send(wanted, WARM_UP_S)

    def send(self, *wanted: Requests, seconds: float | None = None) -> dict[str, Answers]:
        """Sends requests beside each other, and counts unexpected answers and dropped requests."""
        answers = requests.send(wanted, seconds or self.seconds)
        for name, came in answers.items():
            self.wrong.update({f"{status} to {name}": count for status, count in came.wrong.items()})
            self.dropped += came.dropped
        return answers

    def soundness(self) -> list[Row]:
        """Returns rows for what would make the other figures wrong."""
        wrong = ", ".join(f"{count} times {what}" for what, count in sorted(self.wrong.items()))
        return [
            Row("unexpected answers", wrong or "0", "0", not self.wrong),
            Row("requests that k6 had no free client for", str(self.dropped), "0", self.dropped == 0),
        ]


def median_p50(rounds: Sequence[Answers]) -> float:
    """Returns the median of the rounds' medians, in ms."""
    return statistics.median(answers.p50_ms for answers in rounds)


def median_p95(rounds: Sequence[Answers]) -> float:
    """Returns the median of the rounds' 95th percentiles, in ms."""
    return statistics.median(answers.p95_ms for answers in rounds)
