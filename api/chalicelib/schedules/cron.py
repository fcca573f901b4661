"""Computes when a schedule is due next, in UTC, from an expression of EventBridge.

A module of our own: pyawscron and aws-croniter read the same dialect, and each fails on expressions that EventBridge
takes (docs/decisions.md). It has six fields, counts weekdays from SUN = 1, has `?`, `L`, `W` and `#`, and `rate(…)`.
"""

import calendar
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from chalicelib.errors import InvalidParameterError

MAX_EXPRESSION_CHARS = 256
YEARS = range(1970, 2199 + 1)
#: Longer periods than a century are a mistake, and would not fit the schedules' keys for ever.
MAX_PERIOD_S = 100 * 366 * 24 * 3600

RATE = re.compile(r"rate\((?P<value>[0-9]{1,10}) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
UNITS_S = {"minute": 60, "hour": 3600, "day": 24 * 3600}

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
SATURDAY = 7


class Timing(Protocol):
    """What an expression means."""

    def next_after(self, moment_s: int, since_s: int) -> int | None:
        """Give the first due time after a moment, None when none comes; Unix seconds.

        `since_s` is when the schedule, or its last due time, began to count: a rate's rhythm hangs on it.
        """


def parse(expression: str) -> Timing:
    """Give what an expression means; raise InvalidParameterError with the field that is wrong."""
    if len(expression) > MAX_EXPRESSION_CHARS:
        raise InvalidParameterError(f"The expression has more than {MAX_EXPRESSION_CHARS} characters")
    if rate := RATE.fullmatch(expression):
        return _rate(rate)
    if cron := CRON.fullmatch(expression):
        return _cron(cron["fields"].split())
    raise InvalidParameterError(
        f"{expression!r} is no schedule: use rate(5 minutes), or cron(0 12 ? * MON-FRI *) with its six fields"
    )


@dataclass(frozen=True)
class Rate:
    """Every so often."""

    period_s: int

    def next_after(self, moment_s: int, since_s: int) -> int | None:
        """Give the first whole number of periods past `since_s` that is after the moment."""
        periods = max(0, moment_s - since_s) // self.period_s + 1
        return since_s + periods * self.period_s


@dataclass(frozen=True, kw_only=True)
class Cron:
    """At these minutes of these hours, on the days of these months and years that `is_day` picks."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    is_day: Callable[[date], bool]

    def next_after(self, moment_s: int, since_s: int) -> int | None:  # noqa: ARG002  (a cron has no rhythm of its own)
        """Give the first minute that matches and begins after the moment."""
        first = datetime.fromtimestamp(moment_s, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days(first.date()):
            earliest = (first.hour, first.minute) if day == first.date() else (0, 0)
            times = ((hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes))
            if found := next((time for time in times if time >= earliest), None):
                return int(datetime(day.year, day.month, day.day, *found, tzinfo=UTC).timestamp())
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) >= (first.year, first.month):
                    yield from (day for day in _days_of(year, month) if day >= first and self.is_day(day))


def _rate(match: re.Match[str]) -> Rate:
    value = int(match["value"])
    period_s = value * UNITS_S[match["unit"]]
    if not 0 < period_s <= MAX_PERIOD_S:
        raise InvalidParameterError(f"A rate must be 1 minute to a hundred years, not {match.group()}")
    if (value == 1) != (match["plural"] == ""):
        raise InvalidParameterError(f"{match.group()} must be singular for 1, else plural, as in rate(5 minutes)")
    return Rate(period_s)


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise InvalidParameterError(
            "A cron expression has six fields (minutes, hours, day of month, month, day of week, year),"
            f" not {len(fields)}"
        )
    minutes, hours, month_days, months, weekdays, years = (field.upper() for field in fields)
    if (month_days == "?") == (weekdays == "?"):
        raise InvalidParameterError("Exactly one of day of month and day of week must be ?")
    by_month = weekdays == "?"
    return Cron(
        minutes=_numbers("minutes", minutes, range(60)),
        hours=_numbers("hours", hours, range(24)),
        months=_numbers("month", months, range(1, 13), MONTHS),
        years=_numbers("year", years, YEARS),
        is_day=_by_month_day(month_days) if by_month else _by_weekday(weekdays),
    )


def _by_month_day(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: day == _days_of(day.year, day.month)[-1]
    if nearest := re.fullmatch(r"([0-9]{1,2})W", field):
        [number] = _numbers("day of month", nearest[1], range(1, 32))
        return lambda day: day == _nearest_weekday(day.year, day.month, number)
    numbers = _numbers("day of month", field, range(1, 32))
    return lambda day: day.day in numbers


def _by_weekday(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: _weekday(day) == SATURDAY
    if last := re.fullmatch(r"([0-9]|[A-Z]{3})L", field):
        wanted = _one_weekday(last[1])
        return lambda day: _weekday(day) == wanted and (day + timedelta(days=7)).month != day.month
    if nth := re.fullmatch(r"([0-9]|[A-Z]{3})#([0-9])", field):
        wanted, number = _one_weekday(nth[1]), int(nth[2])
        if number not in range(1, 6):
            raise InvalidParameterError(f"day of week {field}: after # comes 1 to 5")
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == number
    numbers = _numbers("day of week", field, range(1, 8), WEEKDAYS)
    return lambda day: _weekday(day) in numbers


def _one_weekday(text: str) -> int:
    [number] = _numbers("day of week", text, range(1, 8), WEEKDAYS)
    return number


def _weekday(day: date) -> int:
    """Give EventBridge's number of a weekday: SUN = 1."""
    return day.isoweekday() % 7 + 1


def _nearest_weekday(year: int, month: int, number: int) -> date | None:
    """Give the weekday nearest to a day of a month, within the month; None when the month has no such day."""
    days = _days_of(year, month)
    if number > len(days):
        return None
    day = days[number - 1]
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if number > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if number < len(days) else day - timedelta(days=2)
    return day


def _numbers(what: str, field: str, allowed: range, names: Mapping[str, int] | None = None) -> frozenset[int]:
    """Give the numbers that a field of lists, ranges and steps stands for; raise InvalidParameterError."""
    return frozenset(number for item in field.split(",") for number in _item(what, item, allowed, names or {}))


def _item(what: str, item: str, allowed: range, names: Mapping[str, int]) -> range:
    match = re.fullmatch(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>[0-9]{1,4}))?", item, re.ASCII)
    if match is None or (match["first"] == "*" and match["last"]):
        raise InvalidParameterError(f"{what} {item!r} is neither a value, a range nor a step")
    step = int(match["step"] or 1)
    if match["first"] == "*":
        first, last = allowed.start, allowed.stop - 1
    else:
        first = _value(what, match["first"], allowed, names)
        open_end = allowed.stop - 1 if match["step"] else first
        last = _value(what, match["last"], allowed, names) if match["last"] else open_end
    if step < 1 or first > last:
        raise InvalidParameterError(f"{what} {item!r} must go upwards, by 1 or more")
    return range(first, last + 1, step)


def _value(what: str, text: str, allowed: range, names: Mapping[str, int]) -> int:
    number = names.get(text, int(text) if text.isdecimal() and len(text) <= 4 else -1)
    if number not in allowed:
        known = f" or {', '.join(names)}" if names else ""
        raise InvalidParameterError(f"{what} must be {allowed.start} to {allowed.stop - 1}{known}, not {text!r}")
    return number


@functools.lru_cache(maxsize=64)
def _days_of(year: int, month: int) -> tuple[date, ...]:
    return tuple(date(year, month, day) for day in range(1, calendar.monthrange(year, month)[1] + 1))
