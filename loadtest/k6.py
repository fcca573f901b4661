"""Has k6 send requests and reads what it says of the answers; it knows nothing of Hearth.

k6 is a client that does not queue by itself. Each of its clients has a connection and waits for its answer there; at a
fixed rate a request is sent when its time has come, whatever became of the others, and one for which no client is free
is counted as dropped and not sent later. It is a program of its own, so it waits for no lock of this Python's.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import process

SCRIPT = Path(__file__).with_name("api_load.js")
K6 = Path(sys.executable).with_name("k6")
#: The requests that are under way at the end are waited for.
GRACE_S = 30
#: Statuses that k6 is asked to tell apart; 0 is its word for no answer at all.
STATUSES = (0, 200, 202, 400, 403, 404, 409, 429, 500, 502, 503, 504)


class MeasureError(Exception):
    """A load gave no figure: nothing can be said of what it was to show."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Equal requests: at a fixed rate, or (no rate) from clients that send again as soon as they are answered.

    `expected` is the status whose answers are measured, `also` one that is right as well.
    """

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    clients: int  #: at most at once, where there is a rate
    rate_per_s: int | None = None
    expected: int = 200
    also: int = 200
    starts_after_ms: int = 0

    def scenario(self, seconds: float) -> dict[str, Any]:
        """Give it as k6 wants it."""
        shared = {
            "exec": "ask",
            "duration": f"{seconds * 1000:.0f}ms",
            "startTime": f"{self.starts_after_ms}ms",
            "gracefulStop": f"{GRACE_S}s",
        }
        if self.rate_per_s is None:
            return {**shared, "executor": "constant-vus", "vus": self.clients}
        held = {"preAllocatedVUs": self.clients, "maxVUs": self.clients}
        return {**shared, **held, "executor": "constant-arrival-rate", "rate": self.rate_per_s, "timeUnit": "1s"}

    def request(self) -> dict[str, Any]:
        """Give one of its requests."""
        body = "{}" if self.method == "POST" else None
        return {"method": self.method, "url": self.url, "body": body, "headers": dict(self.headers)}

    def answers(self, status: int | None = None) -> str:
        """Name its answers in k6's summary: all, or those of one status."""
        of_status = "" if status is None else f",status:{status}"
        return f"answer_ms{{scenario:{self.name}{of_status}}}"

    @property
    def dropped(self) -> str:
        """Its requests that were not sent, in k6's summary."""
        return f"dropped_iterations{{scenario:{self.name}}}"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What came of a load. Lengths are of the answers with the expected status."""

    p50_ms: float
    p95_ms: float
    per_s: float
    wrong: Mapping[str, int]  #: how many answers had which other status; `0` is none at all, `?` any not in STATUSES
    dropped: int  #: requests that no client was free to send


def send(loads: Sequence[Load], seconds: float) -> dict[str, Answers]:
    """Send these loads beside each other and give what came of each; raise StackError or MeasureError."""
    environ = {**os.environ, "K6_NO_USAGE_REPORT": "true", "PLAN": json.dumps(plan(loads, seconds))}
    command = [str(K6), "run", "--quiet", "--log-output=none", "--address", "", str(SCRIPT)]
    summary = json.loads(process.output(command, environ))
    return {load.name: read(summary, load, seconds) for load in loads}


def plan(loads: Sequence[Load], seconds: float) -> dict[str, Any]:
    """Give what the script does: scenarios, the request of each, and what the summary is to tell apart."""
    thresholds: dict[str, list[str]] = {}
    for load in loads:
        thresholds |= {load.answers(status): ["max>=0"] for status in (None, *STATUSES)}
        thresholds[load.dropped] = ["count>=0"]
    return {
        "scenarios": {load.name: load.scenario(seconds) for load in loads},
        "asks": {load.name: load.request() for load in loads},
        "thresholds": thresholds,
    }


def read(summary: Mapping[str, Any], load: Load, seconds: float) -> Answers:
    """Find a load's answers in k6's summary; raise MeasureError when none was as expected."""
    lengths = _values(summary, load.answers(load.expected))
    if not lengths.get("count"):
        raise MeasureError(f"None of the requests of {load.name!r} was answered with {load.expected}.")
    by_status = {str(status): _count(summary, load.answers(status)) for status in STATUSES}
    by_status["?"] = _count(summary, load.answers()) - sum(by_status.values())
    right = {str(load.expected), str(load.also)}
    # A client without a rate has one request under way when the time is over: its answer is measured, but came late.
    late = 0 if load.rate_per_s else load.clients
    return Answers(
        p50_ms=lengths["med"],
        p95_ms=lengths["p(95)"],
        per_s=max(0, lengths["count"] - late) / seconds,
        wrong={status: count for status, count in by_status.items() if count and status not in right},
        dropped=_count(summary, load.dropped),
    )


def _count(summary: Mapping[str, Any], metric: str) -> int:
    return int(_values(summary, metric).get("count", 0))


def _values(summary: Mapping[str, Any], metric: str) -> Mapping[str, float]:
    """Give what k6 says of a metric; nothing of one that had no sample."""
    values: Mapping[str, float] = summary["metrics"].get(metric, {}).get("values", {})
    return values


def version() -> str:
    """Name the program."""
    return process.output([str(K6), "version"], os.environ).split(" (")[0].strip()
