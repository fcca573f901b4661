"""Equal requests for `bench-api`: how k6 sends them, and what its summary says of their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest import k6
from loadtest.errors import LoadTestError

#: How long requests that are under way at the end are waited for.
GRACE_S = 30
#: The statuses that are counted each by itself. 0 is k6's word for no answer.
STATUSES = (0, 200, 202, 400, 403, 404, 409, 429, 500, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Equal requests, at a fixed rate or, without one, from clients that send again as soon as they are answered."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    clients: int  #: with a rate: how many requests can be under way at most
    rate_per_s: int | None = None
    expected: int = 200  #: the status whose answers are measured
    also: int = 200  #: another status that is not an error
    starts_after_ms: int = 0

    def scenario(self, seconds: float) -> dict[str, Any]:
        """Returns them as a scenario of k6."""
        shared = {
            "exec": "request",
            "duration": f"{seconds * 1000:.0f}ms",
            "startTime": f"{self.starts_after_ms}ms",
            "gracefulStop": f"{GRACE_S}s",
        }
        if self.rate_per_s is None:
            return {**shared, "executor": "constant-vus", "vus": self.clients}
        clients = {"preAllocatedVUs": self.clients, "maxVUs": self.clients}
        return {**shared, **clients, "executor": "constant-arrival-rate", "rate": self.rate_per_s, "timeUnit": "1s"}

    def request(self) -> dict[str, Any]:
        """Returns one of the requests."""
        body = "{}" if self.method == "POST" else None
        return {"method": self.method, "url": self.url, "body": body, "headers": dict(self.headers)}

    def answers(self, status: int | None = None) -> str:
        """Returns the name of their answers in k6's summary: of all, or of those with one status."""
        of_status = "" if status is None else f",status:{status}"
        return f"answer_ms{{scenario:{self.name}{of_status}}}"

    @property
    def dropped(self) -> str:
        """The name of the requests that were not sent, in k6's summary."""
        return f"dropped_iterations{{scenario:{self.name}}}"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What came of requests. The lengths are of answers with the expected status."""

    p50_ms: float
    p95_ms: float
    per_s: float
    wrong: Mapping[str, int]  #: unexpected statuses and their counts: `0` is no answer, `?` any that is not in STATUSES
    dropped: int  #: requests that no client was free to send


def send(requests: Sequence[Requests], seconds: float) -> dict[str, Answers]:
    """Sends these beside each other and returns what came of each, by name. Raises LoadTestError."""
    summary = k6.summary(plan(requests, seconds))
    return {one.name: read(summary, one, seconds) for one in requests}


def plan(requests: Sequence[Requests], seconds: float) -> dict[str, Any]:
    """Returns the plan for `drive.js`."""
    options = {
        "scenarios": {one.name: one.scenario(seconds) for one in requests},
        "thresholds": _thresholds(requests),
        "summaryTrendStats": ["count", "med", "p(95)"],
        "systemTags": ["scenario"],
        "discardResponseBodies": True,
    }
    return {"options": options, "calls": {one.name: one.request() for one in requests}}


def _thresholds(requests: Sequence[Requests]) -> dict[str, list[str]]:
    """Names what the summary is to tell apart: k6 does so only for thresholds. These always hold."""
    thresholds: dict[str, list[str]] = {}
    for one in requests:
        thresholds |= {one.answers(status): ["max>=0"] for status in (None, *STATUSES)}
        thresholds[one.dropped] = ["count>=0"]
    return thresholds


def read(summary: Mapping[str, Any], requests: Requests, seconds: float) -> Answers:
    """Reads the answers to `requests` from k6's summary. Raises LoadTestError when none was as expected."""
    lengths = _values(summary, requests.answers(requests.expected))
    if not lengths.get("count"):
        raise LoadTestError(f"None of the requests of {requests.name!r} was answered with {requests.expected}.")
    # In a closed loop each client has one request under way when the time is over: measured, but too late to count.
    late = 0 if requests.rate_per_s else requests.clients
    return Answers(
        p50_ms=lengths["med"],
        p95_ms=lengths["p(95)"],
        per_s=max(0, lengths["count"] - late) / seconds,
        wrong=_wrong(summary, requests),
        dropped=_count(summary, requests.dropped),
    )


def _wrong(summary: Mapping[str, Any], requests: Requests) -> dict[str, int]:
    counts = {str(status): _count(summary, requests.answers(status)) for status in STATUSES}
    counts["?"] = _count(summary, requests.answers()) - sum(counts.values())
    right = {str(requests.expected), str(requests.also)}
    return {status: count for status, count in counts.items() if count and status not in right}


def _count(summary: Mapping[str, Any], metric: str) -> int:
    return int(_values(summary, metric).get("count", 0))


def _values(summary: Mapping[str, Any], metric: str) -> Mapping[str, float]:
    """Returns k6's values of a metric; none when it had no sample."""
    values: Mapping[str, float] = summary["metrics"].get(metric, {}).get("values", {})
    return values
