"""Renders results as a table and as JSON."""

from collections.abc import Sequence
from typing import Any

from security_tests.finding import Result, worst

HEADINGS = ("check", "status", "detail")


def table(results: Sequence[Result]) -> str:
    """Give the table: a line for each check, under it one for each thing it looked at."""
    rows = [HEADINGS, *(row for result in results for row in _rows(result))]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"{check:<{widths[0]}}  {status:<{widths[1]}}  {detail}".rstrip() for check, status, detail in rows
    )


def as_json(results: Sequence[Result], url: str, at: str, observed: Any) -> dict[str, Any]:
    """Give all there is to say as a JSON value; `at` is when, in ISO 8601."""
    checks = [_check(result) for result in results]
    return {"url": url, "at": at, "status": worst(results), "checks": checks, "observed": observed}


def _rows(result: Result) -> list[tuple[str, str, str]]:
    told = [(f"  {finding.what}", str(finding.status), finding.detail) for finding in result.findings]
    return [(result.check, str(result.status), ""), *told]


def _check(result: Result) -> dict[str, Any]:
    findings = [{"what": one.what, "status": one.status, "detail": one.detail} for one in result.findings]
    return {"check": result.check, "status": result.status, "findings": findings}
