"""The REST API's route on what a tenant's functions used and cost, by day."""

import csv
import io
import re
from datetime import UTC, date, datetime

from chalicelib import limits
from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.http_answer import HttpAnswer
from chalicelib.invocations.usage import Days, FunctionDay
from chalicelib.invocations.wiring import InvocationUseCases
from chalicelib.rest_api import models
from chalicelib.rest_api.answers import number, shown
from chalicelib.rest_api.members import members_of
from shared_lua.daily_usage import day_of

AFTER = re.compile(r"\d{4}-\d\d-\d\d/[a-zA-Z0-9_-]{1,64}", re.ASCII)


def show(invocations: InvocationUseCases, call: Call, tenant: str) -> HttpAnswer:
    """Show what each function used and cost on each day of a span, in UTC; `Accept: text/csv` asks for CSV."""
    first, last = _span(call)
    page = invocations.usage.page(tenant, first, last, _after(call), _most(call))
    if "text/csv" in (call.header("accept") or "").lower():
        return _csv(page)
    rows = tuple(_row(one) for one in page.days)
    return shown(models.UsageDays({"from": first, "to": last, "usage": rows, "next_after": page.next_after}))


def _span(call: Call) -> tuple[str, str]:
    """Return the first and the last day asked for; by default this month until today."""
    today = datetime.now(UTC).date()
    first = _day("from", call.parameter("from") or today.replace(day=1).isoformat())
    last = _day("to", call.parameter("to") or max(today, first).isoformat())
    if not 0 <= (last - first).days < limits.MAX_USAGE_DAYS:
        raise InvalidParameterError(
            f"from {first} to {last} must be a span of 1 to {limits.MAX_USAGE_DAYS} days, the first day first"
        )
    return first.isoformat(), last.isoformat()


def _day(name: str, text: str) -> date:
    """Return the day that a parameter's text stands for; raise InvalidParameterError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  (a day, and no moment of it)
    except ValueError:
        raise InvalidParameterError(f"{name} must be a day, as {day_of(0)}, not {text!r}") from None


def _after(call: Call) -> str | None:
    after = call.parameter("after")
    if after and not AFTER.fullmatch(after):
        raise InvalidParameterError(f"after must be a next_after of an earlier answer, not {after!r}")
    return after or None


def _most(call: Call) -> int:
    most = number("limit", call.parameter("limit") or str(limits.MAX_USAGE_ROWS))
    if not 1 <= most <= limits.MAX_USAGE_ROWS:
        raise InvalidParameterError(f"limit must be 1 to {limits.MAX_USAGE_ROWS}, not {most}")
    return most


def _row(one: FunctionDay) -> models.FunctionDay:
    return models.FunctionDay(
        day=one.day,
        function=one.function,
        invocations=one.sums.invocations,
        errors=one.sums.errors,
        unserved=one.sums.unserved,
        gb_s=one.sums.billed_mb_us / 1024 / 1_000_000,
        cpu_s=one.sums.cpu_us / 1_000_000,
        charge_pico_usd=one.sums.charge_pico_usd,
    )


def _csv(page: Days) -> HttpAnswer:
    """Return the same rows as a table; where it goes on is in a header then."""
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, [one.name for one in members_of(models.FunctionDay)])
    writer.writeheader()
    writer.writerows(_row(one) for one in page.days)
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    if page.next_after:
        headers["X-Hearth-Next-After"] = page.next_after
    return HttpAnswer(headers=headers, body=table.getvalue())
