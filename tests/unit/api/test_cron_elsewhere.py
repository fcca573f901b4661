"""Our cron held against the two libraries that read EventBridge's dialect, and what keeps us from using either."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_croniter import AwsCroniter
from chalicelib.schedules import cron
from pyawscron import AWSCron

STARTS = [datetime(2026, 11, 24, 10, 3, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)]

MINUTES = ("0", "0/10", "5,35")
HOURS = ("*", "8-17", "0,12")
DAYS = (
    ("*", "?"),
    ("1,15", "?"),
    ("L", "?"),
    ("15W", "?"),
    ("?", "MON-FRI"),
    ("?", "2#1"),
    ("?", "6L"),
    ("?", "SUN,SAT"),
)
MONTHS = ("*", "JAN-MAR", "1/3", "2")
YEARS = ("*", "2028")

EXPRESSIONS = [
    f"{minute} {hour} {day} {month} {weekday} {year}"
    for minute, hour, (day, weekday), month, year in itertools.product(MINUTES, HOURS, DAYS, MONTHS, YEARS)
]


def ours(expression: str, start: datetime, count: int) -> list[datetime]:
    """The next moments by our module, fewer where the year ends before."""
    timing, moment_s, found = cron.parse(f"cron({expression})"), int(start.timestamp()), list[datetime]()
    while len(found) < count and (following := timing.next_after(moment_s, moment_s)) is not None:
        moment_s = following
        found.append(datetime.fromtimestamp(moment_s, UTC))
    return found


def theirs(expression: str, start: datetime, count: int) -> list[datetime]:
    """The next moments by aws-croniter, which fills up with None where the year ends before."""
    return [moment for moment in AwsCroniter(expression).get_next(start, count) if moment]


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_what_aws_croniter_can_read_we_read_alike(start: datetime) -> None:
    different = [e for e in EXPRESSIONS if theirs(e, start, 3) != ours(e, start, 3)]

    assert different == []


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_what_pyawscron_can_read_we_read_alike(start: datetime) -> None:
    different = [e for e in EXPRESSIONS if AWSCron(e).occurrence(start).next() != ours(e, start, 1)[0]]

    assert different == []


def test_the_last_day_of_the_week_is_read_by_neither_and_the_leap_day_not_by_one() -> None:
    def crashes(ask: Any) -> bool:
        try:
            return ask() in (None, [None])
        except Exception:  # noqa: BLE001  (whatever it is: that is the point)
            return True

    saturday, leap_day = "0 0 ? * L *", "0 0 29 2 ? *"
    [start, _] = STARTS

    assert crashes(lambda: AwsCroniter(saturday).get_next(start, 1))
    assert crashes(lambda: AWSCron(saturday).occurrence(start).next())
    assert crashes(lambda: AWSCron(leap_day).occurrence(start).next())
    assert ours(saturday, start, 1) == [datetime(2026, 11, 28, tzinfo=UTC)]
    assert ours(leap_day, start, 1) == [datetime(2028, 2, 29, tzinfo=UTC)]
