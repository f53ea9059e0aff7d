"""Schedules of timer triggers: NCRONTAB with seconds, or a constant interval."""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from landfall.local.functions_host.errors import ScheduleInvalid
from landfall.local.functions_host.host_file import time_span

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_WEEKDAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_SETTING = re.compile(r"%([^%]+)%")
_FARTHEST_YEARS = 10


class Schedule(Protocol):
    """When a timer fires."""

    def next_after(self, instant: datetime) -> datetime:
        """Return the first occurrence after an instant; both aware, in UTC."""

    @property
    def is_frequent(self) -> bool:
        """Whether it fires more than once a minute."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Fires every so often, counted from the last occurrence."""

    length: timedelta

    def next_after(self, instant: datetime) -> datetime:
        """Return the instant one interval later."""
        return instant + self.length

    @property
    def is_frequent(self) -> bool:
        """Whether it fires more than once a minute."""
        return self.length < timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Crontab:
    """Fires when every field matches the local time of a zone.

    Attributes:
        seconds: Allowed seconds, ascending; likewise the others.
        days: Allowed days of the month, 1 to 31.
        weekdays: Allowed days of the week, 0 is Sunday. A day must be allowed by both.
        zone: Zone of the local time.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    zone: tzinfo

    def next_after(self, instant: datetime) -> datetime:
        """Return the first occurrence after an instant; both aware, in UTC.

        Raises:
            ScheduleInvalid: No day within ten years matches, for example 31 February.
        """
        local = instant.astimezone(self.zone).replace(tzinfo=None, microsecond=0) + timedelta(seconds=1)
        while True:
            found = self._next_local(local)
            aware = found.replace(tzinfo=self.zone).astimezone(UTC)
            # A local time that daylight saving skips maps past itself; one that it repeats may map to the past.
            if aware > instant:
                return aware
            local = found + timedelta(seconds=1)

    @property
    def is_frequent(self) -> bool:
        """Whether it fires more than once a minute."""
        return len(self.seconds) > 1

    def _next_local(self, start: datetime) -> datetime:
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(366 * _FARTHEST_YEARS):
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=monthrange(day.year, day.month)[1])).replace(day=1)
                continue
            if day.day in self.days and (day.weekday() + 1) % 7 in self.weekdays:
                at = self._next_in_day(day, start if start > day else day)
                if at is not None:
                    return at
            day += timedelta(days=1)
        raise ScheduleInvalid("this crontab", f"no day in the next {_FARTHEST_YEARS} years matches")

    def _next_in_day(self, day: datetime, start: datetime) -> datetime | None:
        for hour in self.hours:
            if hour < start.hour:
                continue
            for minute in self.minutes:
                if hour == start.hour and minute < start.minute:
                    continue
                for second in self.seconds:
                    at = day.replace(hour=hour, minute=minute, second=second)
                    if at >= start:
                        return at
        return None


def parse_schedule(text: str, settings: Mapping[str, str]) -> Schedule:
    """Return the schedule that a timer trigger names; ``%NAME%`` is replaced by that app setting.

    Raises:
        ScheduleInvalid: The text is not understood, or the setting is missing.
    """
    resolved = _SETTING.sub(lambda match: _setting(match[1], text, settings), text).strip()
    if ":" in resolved:
        try:
            length = time_span(resolved)
        except ValueError as error:
            raise ScheduleInvalid(text, str(error)) from error
        if length <= timedelta(0):
            raise ScheduleInvalid(text, "an interval must be longer than nothing")
        return Interval(length)
    fields = resolved.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ScheduleInvalid(text, f"it has {len(fields)} fields")
    try:
        return Crontab(
            seconds=_values(fields[0], 0, 59),
            minutes=_values(fields[1], 0, 59),
            hours=_values(fields[2], 0, 23),
            days=_values(fields[3], 1, 31),
            months=_values(fields[4], 1, 12, _MONTHS),
            weekdays=tuple(sorted({value % 7 for value in _values(fields[5], 0, 7, _WEEKDAYS)})),
            zone=_zone(settings),
        )
    except ValueError as error:
        raise ScheduleInvalid(text, str(error)) from error


def _setting(name: str, text: str, settings: Mapping[str, str]) -> str:
    if name not in settings:
        raise ScheduleInvalid(text, f"app setting {name} is not set")
    return settings[name]


def _values(field: str, low: int, high: int, names: Mapping[str, int] | None = None) -> tuple[int, ...]:
    allowed: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = int(step_text) if slash else 1
        if step < 1:
            raise ValueError(f"field {field!r}: a step must be at least 1")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = _number(first, names or {})
            end = _number(last, names or {}) if dash else (high if slash else start)
        if not low <= start <= end <= high:
            raise ValueError(f"field {field!r}: values run from {low} to {high}, smaller first")
        allowed.update(range(start, end + 1, step))
    return tuple(sorted(allowed))


def _number(text: str, names: Mapping[str, int]) -> int:
    named = names.get(text[:3].upper())
    if named is not None:
        return named
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def _zone(settings: Mapping[str, str]) -> tzinfo:
    name = settings.get("WEBSITE_TIME_ZONE")
    if name:
        try:
            return ZoneInfo(name)
        except (KeyError, OSError) as error:
            raise ValueError(f"WEBSITE_TIME_ZONE={name!r} is not a known time zone") from error
    return datetime.now().astimezone().tzinfo or UTC
