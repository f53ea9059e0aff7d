"""When schedules come due, in every time zone and on the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landfall.spec.model import Schedule
from landfall.spec.schedules import next_due

MOST_MINUTES = 3000
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


def due(cron: str, zone: str, after: str, count: int = 1) -> list[str]:
    """Return the next instants as the clock of the zone shows them."""
    instant = datetime.fromisoformat(after).astimezone(UTC)
    found = []
    for _ in range(count):
        instant = next_due(Schedule(cron, zone), instant)
        found.append(f"{instant.astimezone(ZoneInfo(zone)):%a %m-%d %H:%M %Z}")
    return found


def test_a_time_of_day_follows_the_clock_of_its_zone() -> None:
    assert due("0 6 * * *", "Europe/Berlin", "2026-03-27T12:00:00+00:00", 3) == [
        "Sat 03-28 06:00 CET",
        "Sun 03-29 06:00 CEST",
        "Mon 03-30 06:00 CEST",
    ]


def test_a_time_that_the_clock_skips_comes_due_as_much_later() -> None:
    assert due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+00:00", 2) == [
        "Sun 03-29 03:30 CEST",
        "Mon 03-30 02:30 CEST",
    ]


def test_a_time_that_the_clock_shows_twice_comes_due_once() -> None:
    assert due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+00:00", 2) == [
        "Sun 10-25 02:30 CEST",
        "Mon 10-26 02:30 CET",
    ]


def test_a_schedule_of_every_hour_goes_on_while_the_clock_is_set_back() -> None:
    assert due("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00+00:00", 4) == [
        "Sun 10-25 02:00 CEST",
        "Sun 10-25 02:00 CET",
        "Sun 10-25 03:00 CET",
        "Sun 10-25 04:00 CET",
    ]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * mon-fri", "Mon 01-05 06:00 UTC"),
        ("0 6 * * 7", "Sun 01-04 06:00 UTC"),
        ("0 0 1 * *", "Sun 02-01 00:00 UTC"),
        ("0 0 13 * fri", "Fri 01-09 00:00 UTC"),
        ("*/20 * * * *", "Sat 01-03 12:20 UTC"),
        ("0 0 29 2 *", "Tue 02-29 00:00 UTC"),
    ],
)
def test_fields(cron: str, expected: str) -> None:
    assert due(cron, "UTC", "2026-01-03T12:00:00+00:00") == [expected]


@settings(max_examples=60)
@given(
    st.sampled_from(
        ["*/15 * * * *", "7 * * * *", "0 */6 * * *", "30 4 * * *", "0 12 * * 1,3", "5 0 1-3 * *"]
    ),
    ZONES,
    INSTANTS,
)
def test_no_due_minute_is_passed_over(cron: str, zone: str, after: datetime) -> None:
    found = next_due(Schedule(cron, zone), after)

    assert found > after
    minute, hour = (_values(text, top) for text, top in zip(cron.split(), (60, 24), strict=False))
    first = max(
        after.replace(second=0, microsecond=0) + timedelta(minutes=1), found - timedelta(minutes=MOST_MINUTES)
    )
    for number in range(int((found - first).total_seconds() // 60)):
        instant = first + timedelta(minutes=number)
        local = instant.astimezone(ZoneInfo(zone))
        shown = local.minute in minute and local.hour in hour
        # The second showing of an hour, which only a schedule of every hour takes.
        repeated = local.fold == 1 and len(hour) < 24
        assert not (shown and _day_fits(cron, local)) or repeated, local


def _values(field: str, top: int) -> set[int]:
    if field.startswith("*"):
        return set(range(0, top, int(field[2:] or 1)))
    return {int(field)}


def _day_fits(cron: str, local: datetime) -> bool:
    _, _, day, _, weekday = cron.split()
    return (day == "*" or local.day <= 3) and (weekday == "*" or local.isoweekday() in {1, 3})
