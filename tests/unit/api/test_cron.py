"""When a schedule is due, held against a matcher that goes through the minutes one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.errors import InvalidParameterError
from chalicelib.schedules.cron import MAX_EXPRESSION_CHARS, Cron, parse
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def following(expression: str, moment: str) -> str | None:
    due = parse(expression).next_after(at(moment), at(moment))
    return datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M") if due is not None else None


@pytest.mark.parametrize(
    ("expression", "moment", "due"),
    [
        ("cron(0 12 ? * MON-FRI *)", "2026-11-20 12:00", "2026-11-23 12:00"),
        ("cron(0 12 ? * mon-fri *)", "2026-11-20 11:59:59", "2026-11-20 12:00"),
        ("cron(0/15 * * * ? *)", "2026-01-01 00:46", "2026-01-01 01:00"),
        ("cron(5/20 3 * * ? *)", "2026-01-01 03:05", "2026-01-01 03:25"),
        ("cron(0 0 L * ? *)", "2028-02-01 00:00", "2028-02-29 00:00"),
        ("cron(0 0 L 2 ? *)", "2026-02-28 00:00", "2027-02-28 00:00"),
        ("cron(0 0 15W * ? *)", "2026-08-01 00:00", "2026-08-14 00:00"),
        ("cron(0 0 1W * ? *)", "2026-07-31 00:00", "2026-08-03 00:00"),
        ("cron(0 0 31W * ? *)", "2026-05-01 00:00", "2026-05-29 00:00"),
        ("cron(0 0 31W * ? *)", "2026-06-01 00:00", "2026-07-31 00:00"),
        ("cron(0 8 ? * 2#1 *)", "2026-11-24 00:00", "2026-12-07 08:00"),
        ("cron(0 8 ? * FRI#5 *)", "2026-11-24 00:00", "2027-01-29 08:00"),
        ("cron(0 8 ? * 6L *)", "2026-11-24 00:00", "2026-11-27 08:00"),
        ("cron(0 8 ? * L *)", "2026-11-24 00:00", "2026-11-28 08:00"),
        ("cron(0 8 29 FEB ? *)", "2026-11-24 00:00", "2028-02-29 08:00"),
        ("cron(0 8 1 JAN,JUL ? 2027-2028)", "2027-07-01 08:00", "2028-01-01 08:00"),
        ("cron(0 8 1 1 ? 2025)", "2026-01-01 00:00", None),
        ("cron(0 0 30 2 ? *)", "2026-01-01 00:00", None),
        ("cron(59 23 31 12 ? 2199)", "2026-01-01 00:00", "2199-12-31 23:59"),
        ("rate(1 minute)", "2026-01-01 00:00:30", "2026-01-01 00:01"),
        ("rate(36 hours)", "2026-01-01 00:00", "2026-01-02 12:00"),
        ("rate(7 days)", "2026-01-01 00:00", "2026-01-08 00:00"),
    ],
)
def test_a_schedule_is_due_when_eventbridge_says(expression: str, moment: str, due: str | None) -> None:
    assert following(expression, moment) == due


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("rate(1 minutes)", "singular"),
        ("rate(5 minute)", "singular"),
        ("rate(0 minutes)", "1 minute to a hundred years"),
        ("rate(36601 days)", "a hundred years"),
        ("rate(5 weeks)", "no schedule"),
        ("rate(5  minutes)", "no schedule"),
        ("rate(-5 minutes)", "no schedule"),
        ("at(2026-01-01T00:00:00)", "no schedule"),
        ("* * * * ? *", "no schedule"),
        ("cron(* * * * ?)", "six fields"),
        ("cron(* * * * ? * *)", "six fields"),
        ("cron(0 12 * * * *)", "Exactly one"),
        ("cron(0 12 ? * ? *)", "Exactly one"),
        ("cron(60 * * * ? *)", "minutes must be 0 to 59"),
        ("cron(* 24 * * ? *)", "hours must be 0 to 23"),
        ("cron(* * 0 * ? *)", "day of month must be 1 to 31"),
        ("cron(* * 32W * ? *)", "day of month must be 1 to 31"),
        ("cron(* * * 13 ? *)", "month must be 1 to 12"),
        ("cron(* * ? * 8 *)", "day of week must be 1 to 7"),
        ("cron(* * ? * XYZ *)", "day of week must be 1 to 7"),
        ("cron(* * ? * 2#6 *)", "1 to 5"),
        ("cron(* * ? * 2#0 *)", "1 to 5"),
        ("cron(* * * * ? 1969)", "year must be 1970 to 2199"),
        ("cron(* * * * ? 2200)", "year must be 1970 to 2199"),
        ("cron(30-10 * * * ? *)", "upwards"),
        ("cron(*/0 * * * ? *)", "upwards"),
        ("cron(*-5 * * * ? *)", "neither"),
        ("cron(1,,2 * * * ? *)", "neither"),
        ("cron(? * * * ? *)", "neither"),
        ("cron(L * * * ? *)", "minutes must be"),
        ("cron(\u0661 * * * ? *)", "neither"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(InvalidParameterError, match=reason):
        parse(expression)


def test_a_rate_may_be_a_hundred_years_and_an_expression_have_some_length() -> None:
    assert parse("rate(36600 days)")
    longest = "cron(* * * * ? *" + " " * (MAX_EXPRESSION_CHARS - 17) + ")"
    assert parse(longest)

    with pytest.raises(InvalidParameterError, match="256 characters"):
        parse(longest[:-1] + " )")


@given(
    minutes=st.integers(1, 10_000),
    since=st.integers(0, 4_000_000_000),
    late=st.integers(-1000, 10_000_000),
)
def test_a_rate_keeps_its_rhythm_however_late_it_is_asked(minutes: int, since: int, late: int) -> None:
    moment = max(0, since + late)

    due = parse(f"rate({minutes} minute{'s' if minutes > 1 else ''})").next_after(moment, since)

    assert due is not None
    assert due > moment
    assert (due - since) % (minutes * 60) == 0
    assert due - minutes * 60 <= max(moment, since)


@dataclass(frozen=True)
class Field:
    """A field's text, and what it means, said in another way than the parser does."""

    text: str
    holds: Callable[[datetime], bool]


def plain(
    get: Callable[[datetime], int], low: int, high: int, names: list[str] | None = None
) -> st.SearchStrategy[Field]:
    spell = (lambda n: names[n - low]) if names else str
    number = st.integers(low, high)
    pair = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just(Field("*", lambda _: True)),
        st.lists(number, min_size=1, max_size=3).map(
            lambda ns: Field(",".join(spell(n) for n in ns), lambda t: get(t) in ns)
        ),
        pair.map(lambda p: Field(f"{spell(p[0])}-{spell(p[1])}", lambda t: p[0] <= get(t) <= p[1])),
        st.tuples(number, st.integers(1, 20)).map(
            lambda p: Field(f"{p[0]}/{p[1]}", lambda t: get(t) >= p[0] and (get(t) - p[0]) % p[1] == 0)
        ),
    )


def weekday(t: datetime) -> int:
    return (t.weekday() + 1) % 7 + 1


def is_last(t: datetime) -> bool:
    return (t + timedelta(days=1)).month != t.month


def is_nearest_weekday(t: datetime, number: int) -> bool:
    """A working day is nearest to the wanted one when no other working day of its month is nearer."""
    month = [t.replace(day=d) for d in range(1, 32) if d <= _length(t)]
    if number > len(month) or t.weekday() > 4:
        return False
    return min((abs(d.day - number), d.day) for d in month if d.weekday() < 5)[1] == t.day


def _length(t: datetime) -> int:
    return ((t.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


MONTH_DAYS = st.one_of(
    plain(lambda t: t.day, 1, 31),
    st.just(Field("L", is_last)),
    st.integers(1, 31).map(lambda n: Field(f"{n}W", lambda t: is_nearest_weekday(t, n))),
)
WEEKDAYS = st.one_of(
    plain(weekday, 1, 7),
    plain(weekday, 1, 7, NAMES),
    st.just(Field("L", lambda t: t.weekday() == 5)),
    st.integers(1, 7).map(lambda n: Field(f"{n}L", lambda t: weekday(t) == n and t.day + 7 > _length(t))),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map(
        lambda p: Field(
            f"{NAMES[p[0] - 1]}#{p[1]}",
            lambda t: weekday(t) == p[0] and len(range(t.day, 0, -7)) == p[1],
        )
    ),
)


@st.composite
def expressions(draw: st.DrawFn) -> tuple[str, list[Field]]:
    by_month = draw(st.booleans())
    anything = Field("?", lambda _: True)
    fields = [
        draw(plain(lambda t: t.minute, 0, 59)),
        draw(plain(lambda t: t.hour, 0, 23)),
        draw(MONTH_DAYS) if by_month else anything,
        draw(st.one_of(plain(lambda t: t.month, 1, 12), plain(lambda t: t.month, 1, 12, MONTHS))),
        anything if by_month else draw(WEEKDAYS),
        draw(plain(lambda t: t.year, 2020, 2040)),
    ]
    return f"cron({' '.join(field.text for field in fields)})", fields


@settings(max_examples=200)
@given(made=expressions(), moment=st.integers(at("2024-01-01"), at("2032-12-31")))
def test_the_next_due_time_is_the_first_minute_that_matches(made: tuple[str, list[Field]], moment: int) -> None:
    expression, fields = made

    due = parse(expression).next_after(moment, moment)

    if due is not None:
        then = datetime.fromtimestamp(due, UTC)
        assert due > moment
        assert due % 60 == 0
        assert all(field.holds(then) for field in fields), then
    assert _first_match(fields, moment, days=60) in (due, None)
    if due is not None and due - moment < 59 * 24 * 3600:
        assert _first_match(fields, moment, days=60) == due


def _first_match(fields: list[Field], moment: int, days: int) -> int | None:
    """Go through every minute, but through no day that its own fields rule out."""
    minute = datetime.fromtimestamp(moment - moment % 60 + 60, UTC)
    end = minute + timedelta(days=days)
    while minute < end:
        if not all(field.holds(minute) for field in fields[2:]):
            minute = (minute + timedelta(days=1)).replace(hour=0, minute=0)
        elif all(field.holds(minute) for field in fields[:2]):
            return int(minute.timestamp())
        else:
            minute += timedelta(minutes=1)
    return None


def test_a_cron_counts_from_no_moment_of_its_own() -> None:
    schedule = parse("cron(0 12 * * ? *)")

    assert isinstance(schedule, Cron)
    assert schedule.next_after(at("2026-01-01"), 0) == schedule.next_after(at("2026-01-01"), at("2026-01-01"))
