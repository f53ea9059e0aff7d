"""Cron expressions of five fields: minute, hour, day of month, month, day of week; and when they come due."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from landfall.spec.model import Schedule

_MONTHS = {
    "jan": "1", "feb": "2", "mar": "3", "apr": "4", "may": "5", "jun": "6",
    "jul": "7", "aug": "8", "sep": "9", "oct": "10", "nov": "11", "dec": "12",
}  # fmt: skip
_DAYS = {"sun": "0", "mon": "1", "tue": "2", "wed": "3", "thu": "4", "fri": "5", "sat": "6"}
# Name, lowest and highest value (Sunday is 0 and 7), names.
_FIELDS: tuple[tuple[str, int, int, dict[str, str]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_PART = re.compile(r"(?:(\*)|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?")


def schedule_problem(text: str) -> str | None:
    """Return what is wrong with a cron expression, ``None`` if it is sound and comes due at some time."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields instead of 5 (minute, hour, day of month, month, day of week)"
    values = []
    for field, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        allowed = _values_of(field.lower(), low, high, names)
        if isinstance(allowed, str):
            return f"field '{name}' {allowed}"
        values.append(allowed)
    days, months = values[2], values[3]
    if fields[4] == "*" and not any(min(days) <= _LONGEST_MONTH.get(month, 31) for month in months):
        return f"no month it names has a day {min(days)}"
    return None


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """Return the first instant after ``after`` at which a sound schedule comes due, in UTC.

    Fields mean the clock of the schedule's time zone. A time that the clock skips in spring comes due as much later as
    it skips; a time that it shows twice in autumn comes due at the first, but for a schedule of every hour at both.

    Raises:
        ValueError: The schedule does not come due within the next nine years.
    """
    zone = ZoneInfo(schedule.time_zone)
    minutes, hours, days, months, weekdays = _parsed(schedule.cron)
    texts = schedule.cron.split()
    either_day = not texts[2].startswith("*") and not texts[4].startswith("*")
    first = after.astimezone(zone).date()
    # Longer than from one 29 February to the next but one: of eight years, one may be no leap year.
    for offset in range(9 * 366):
        day = first + timedelta(days=offset)
        in_days, in_weekdays = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month not in months or not (
            (in_days or in_weekdays) if either_day else (in_days and in_weekdays)
        ):
            continue
        instants = _instants(day, minutes, hours, zone)
        later = [instant for instant in instants if instant > after]
        if later:
            return min(later)
    raise ValueError(f"{schedule.cron!r} does not come due")


def _instants(day: date, minutes: set[int], hours: set[int], zone: ZoneInfo) -> Iterator[datetime]:
    folds = (0, 1) if len(hours) == 24 else (0,)
    for hour in hours:
        for minute in minutes:
            for fold in folds:
                local = datetime.combine(day, time(hour, minute, fold=fold), zone)
                yield local.astimezone(UTC)


def _parsed(text: str) -> list[set[int]]:
    """Return the values of each field of a sound expression; Sunday is 0."""
    parsed = []
    for field, (_, low, high, names) in zip(text.split(), _FIELDS, strict=True):
        values = _values_of(field.lower(), low, high, names)
        if isinstance(values, str):
            raise ValueError(f"{text!r}: {values}")
        parsed.append({0 if high == 7 and value == 7 else value for value in values})
    return parsed


def _values_of(field: str, low: int, high: int, names: dict[str, str]) -> set[int] | str:
    values: set[int] = set()
    for part in field.split(","):
        numbers = re.sub(r"[a-z]+", lambda word: names.get(word[0], word[0]), part)
        match = _PART.fullmatch(numbers)
        if match is None:
            return f"cannot be '{part}': write *, a number, a range a-b, a step */n, or a list of them"
        star, first, last, step = match.groups()
        start = low if star else int(first)
        # A start with a step and no end (5/15) runs to the highest value.
        end = high if star or (step and not last) else int(last or first)
        if not low <= start <= high or not low <= end <= high:
            return f"cannot be '{part}': values go from {low} to {high}"
        if start > end:
            return f"cannot be '{part}': the range runs backwards"
        if step is not None and int(step) == 0:
            return f"cannot be '{part}': a step is at least 1"
        values.update(range(start, end + 1, int(step or 1)))
    return values
