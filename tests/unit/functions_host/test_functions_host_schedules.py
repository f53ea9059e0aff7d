"""Schedules of timer triggers."""

from datetime import UTC, datetime, timedelta

import pytest

from landfall.local.functions_host.errors import ScheduleInvalid
from landfall.local.functions_host.schedules import parse_schedule

UTC_ZONE = {"WEBSITE_TIME_ZONE": "UTC"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/30 * * * * *", "2026-01-01T00:00:00", "2026-01-01T00:00:30"),
        ("*/30 * * * * *", "2026-01-01T00:00:29.999", "2026-01-01T00:00:30"),
        ("0 */5 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
        ("0 0 6 * * *", "2026-01-01T06:00:00", "2026-01-02T06:00:00"),
        ("0 30 9-17/4 * * *", "2026-01-01T10:00:00", "2026-01-01T13:30:00"),
        ("0 0 0 * * MON-FRI", "2026-01-02T12:00:00", "2026-01-05T00:00:00"),
        ("0 0 0 * * 0,6", "2026-01-01T12:00:00", "2026-01-03T00:00:00"),
        ("0 0 0 * * 7", "2026-01-01T12:00:00", "2026-01-04T00:00:00"),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 0 13 * FRI", "2026-01-01T00:00:00", "2026-02-13T00:00:00"),
        ("0 0 0 1 jan,JUL *", "2026-01-01T00:00:00", "2026-07-01T00:00:00"),
        ("5/20 * * * * *", "2026-01-01T00:00:10", "2026-01-01T00:00:25"),
        ("*/5 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:05:00"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59", "2027-12-31T23:59:59"),
        ("00:05:00", "2026-01-01T00:00:01", "2026-01-01T00:05:01"),
        ("%EVERY%", "2026-01-01T00:00:00", "2026-01-01T01:00:00"),
    ],
)
def test_next_occurrence(schedule: str, after: str, expected: str) -> None:
    parsed = parse_schedule(schedule, {**UTC_ZONE, "EVERY": "0 0 * * * *"})

    assert parsed.next_after(at(after)) == at(expected)


def test_local_time_that_daylight_saving_skips_or_repeats() -> None:
    daily = parse_schedule("0 30 2 * * *", {"WEBSITE_TIME_ZONE": "Europe/Berlin"})

    spring, occurrences = at("2026-03-28T00:00:00"), []
    for _ in range(3):
        spring = daily.next_after(spring)
        occurrences.append(spring)
    autumn = daily.next_after(at("2026-10-25T00:00:00"))

    assert [found.date().isoformat() for found in occurrences] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert daily.next_after(autumn) - autumn > timedelta(hours=20), (
        "once a day, also when the hour comes twice"
    )


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("", "0 fields"),
        ("* * *", "3 fields"),
        ("60 * * * * *", "0 to 59"),
        ("a * * * * *", "not a number"),
        ("*/0 * * * * *", "at least 1"),
        ("5-1 * * * * *", "smaller first"),
        ("%MISSING%", "MISSING is not set"),
        ("00:00:00", "longer than nothing"),
        ("1:2", "is not a duration"),
    ],
)
def test_what_is_not_understood_is_said(schedule: str, text: str) -> None:
    with pytest.raises(ScheduleInvalid, match=text):
        parse_schedule(schedule, UTC_ZONE)


def test_a_day_that_never_comes_is_an_error() -> None:
    with pytest.raises(ScheduleInvalid, match="no day"):
        parse_schedule("0 0 0 31 2 *", UTC_ZONE).next_after(at("2026-01-01T00:00:00"))


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ScheduleInvalid, match="not a known time zone"):
        parse_schedule("0 0 0 * * *", {"WEBSITE_TIME_ZONE": "Mars/Olympus"})


@pytest.mark.parametrize(
    ("schedule", "frequent"), [("*/30 * * * * *", True), ("0 * * * * *", False), ("00:00:10", True)]
)
def test_schedules_that_fire_more_than_once_a_minute(schedule: str, frequent: bool) -> None:
    assert parse_schedule(schedule, UTC_ZONE).is_frequent is frequent
