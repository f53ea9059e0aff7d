"""How texts of files say numbers and moments, as SQL that turns them into the one spelling that engines agree on.

Engines' own datetime patterns differ in what they let pass. A pattern is therefore a regular expression here, and its
parts are put together anew as ISO text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from spark_runtime.sql import text_literal

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_OFFSET = "(Z|[+-][0-9]{2}:?[0-9]{2})"
# Letters of a pattern by their run: the expression of the digits, and the part of the moment they are.
_PARTS = {
    "yyyy": ("([0-9]{4})", "year"),
    "yy": ("([0-9]{2})", "short_year"),
    "MM": ("([0-9]{2})", "month"),
    "M": ("([0-9]{1,2})", "month"),
    "MMM": (f"({'|'.join(month[:3] for month in _MONTHS)})", "month_name"),
    "MMMM": (f"({'|'.join(_MONTHS)})", "month_name"),
    "dd": ("([0-9]{2})", "day"),
    "d": ("([0-9]{1,2})", "day"),
    "HH": ("([0-9]{2})", "hour"),
    "H": ("([0-9]{1,2})", "hour"),
    "hh": ("(0[1-9]|1[0-2])", "half_hour"),
    "h": ("(0?[1-9]|1[0-2])", "half_hour"),
    "mm": ("([0-9]{2})", "minute"),
    "m": ("([0-9]{1,2})", "minute"),
    "ss": ("([0-9]{2})", "second"),
    "s": ("([0-9]{1,2})", "second"),
    "a": ("([AaPp][Mm])", "half"),
    **{"S" * digits: (f"([0-9]{{{digits}}})", "fraction") for digits in range(1, 7)},
    **dict.fromkeys(("X", "XX", "XXX", "Z", "xx", "xxx"), (_OFFSET, "offset")),
}
_RUN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)


class UnknownPattern(ValueError):
    """A datetime pattern has a part that no text can be read with."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How the texts of a column are written; the defaults are ISO dates and plain numbers.

    Attributes:
        decimal: Character before the fraction of a number.
        thousands: Character between groups of three digits, or ``None``.
        pattern: Datetime pattern of a date or timestamp, or ``None`` for ISO.
    """

    decimal: str = "."
    thousands: str | None = None
    pattern: str | None = None

    @property
    def has_plain_numbers(self) -> bool:
        return self.decimal == "." and self.thousands is None


def plain_number(column: str, layout: TextFormat, *, exponent: bool) -> str:
    """Return SQL of a number's text with a decimal point and without groups; null where it is no such text.

    Args:
        exponent: Whether ``1e5`` is a number too.
    """
    groups = ""
    if layout.thousands is not None:
        groups = f"[0-9]{{1,3}}({_literally(layout.thousands)}[0-9]{{3}})+|"
    expression = f"^[+-]?({groups}[0-9]+)?({_literally(layout.decimal)}[0-9]*)?"
    expression += "([eE][+-]?[0-9]+)?$" if exponent else "$"
    text = f"trim({column})"
    plain = text if layout.thousands is None else f"replace({text}, {text_literal(layout.thousands)}, '')"
    if layout.decimal != ".":
        plain = f"replace({plain}, {text_literal(layout.decimal)}, '.')"
    return f"CASE WHEN {text} RLIKE {text_literal(expression)} THEN {plain} END"


def iso_text(column: str, pattern: str) -> str:
    """Return SQL of a moment's text as ISO says it; null where it does not follow the pattern.

    Raises:
        UnknownPattern: The pattern cannot be understood, or gives no whole date.
    """
    expression, places = _expression(pattern)
    text = f"trim({column})"
    literal = text_literal(expression)
    part = {name: f"regexp_extract({text}, {literal}, {at})" for name, at in places.items()}
    year = part.get("year") or f"concat('20', {part['short_year']})"
    month = _month(part["month_name"]) if "month_name" in part else _two(part["month"])
    pieces = [year, "'-'", month, "'-'", _two(part["day"])]
    hour = _half_day_hour(part) if "half_hour" in part else part.get("hour")
    if hour is not None:
        pieces += ["' '", _two(hour), "':'", _two(part.get("minute", "'00'")), "':'"]
        pieces.append(_two(part.get("second", "'00'")))
        if "fraction" in part:
            pieces += ["'.'", part["fraction"]]
        if "offset" in part:
            pieces.append(_offset(part["offset"]))
    return f"CASE WHEN {text} RLIKE {literal} THEN concat({', '.join(pieces)}) END"


def written(moment: datetime, pattern: str) -> str | None:
    """Return a moment as a pattern writes it, ``None`` where it would not tell all of it.

    Args:
        moment: Without a zone; it is UTC where the pattern has an offset.

    Raises:
        UnknownPattern: The pattern cannot be understood, or gives no whole date.
    """
    _, places = _expression(pattern)
    runs = list(_runs(pattern))
    digits = sum(len(run) for run, quoted in runs if not quoted and run.startswith("S"))
    has_hour = bool(places.keys() & {"hour", "half_hour"})
    told = moment.replace(
        hour=moment.hour if has_hour else 0,
        minute=moment.minute if "minute" in places else 0,
        second=moment.second if "second" in places else 0,
        microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits),
    )
    if told != moment or ("short_year" in places and moment.year // 100 != 20):
        return None
    return "".join(run if quoted or not run[0].isalpha() else _part(moment, run) for run, quoted in runs)


def _part(moment: datetime, run: str) -> str:
    """Return what letters of a pattern stand for."""
    name = _PARTS[run][1]
    if name == "month_name":
        month = _MONTHS[moment.month - 1]
        return month if run == "MMMM" else month[:3]
    if name == "half":
        return "AM" if moment.hour < 12 else "PM"
    if name == "fraction":
        return f"{moment.microsecond:06}"[: len(run)]
    if name == "offset":
        return "Z"
    numbers = {
        "year": moment.year,
        "short_year": moment.year % 100,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "half_hour": moment.hour % 12 or 12,
        "minute": moment.minute,
        "second": moment.second,
    }
    return f"{numbers[name]:0{len(run)}}"


def _expression(pattern: str) -> tuple[str, dict[str, int]]:
    """Return the regular expression of a pattern, and the number of the group that holds each part."""
    pieces = []
    places: dict[str, int] = {}
    for run, quoted in _runs(pattern):
        if quoted or not run[0].isalpha():
            pieces.append("".join(map(_literally, run)))
        elif run in _PARTS and _PARTS[run][1] not in places:
            text, name = _PARTS[run]
            places[name] = len(places) + 1
            pieces.append(text)
        else:
            raise UnknownPattern(f"'{run}' in '{pattern}' is not understood, or stands there twice")
    has_year = ("year" in places) != ("short_year" in places)
    has_month = ("month" in places) != ("month_name" in places)
    if not (has_year and has_month and "day" in places):
        raise UnknownPattern(f"'{pattern}' must name year, month and day once each")
    if ("half_hour" in places) != ("half" in places) or ("half_hour" in places and "hour" in places):
        raise UnknownPattern(f"'{pattern}' must have h together with a, or H alone")
    if places.keys() & {"minute", "second", "fraction", "offset"} and not places.keys() & {
        "hour",
        "half_hour",
    }:
        raise UnknownPattern(f"'{pattern}' has a time of day without its hour")
    return f"^{''.join(pieces)}$", places


def _runs(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a pattern, and whether each stands in quotes."""
    for found in _RUN.finditer(pattern):
        if found[1] is not None:
            yield found[1].replace("''", "'") or "'", True
        else:
            yield found[0], False


def _literally(character: str) -> str:
    # In brackets nothing needs a backslash, which engines read differently within literals.
    return f"[{character}]" if character not in "^\\]" else f"\\{character}"


def _two(text: str) -> str:
    return f"lpad({text}, 2, '0')"


def _month(name: str) -> str:
    cases = " ".join(f"WHEN '{month[:3]}' THEN '{at:02}'" for at, month in enumerate(_MONTHS, 1))
    return f"CASE substring({name}, 1, 3) {cases} END"


def _half_day_hour(part: dict[str, str]) -> str:
    afternoon = f"CASE WHEN upper({part['half']}) = 'PM' THEN 12 ELSE 0 END"
    return f"CAST(try_cast({part['half_hour']} AS int) % 12 + {afternoon} AS string)"


def _offset(text: str) -> str:
    return f"CASE WHEN {text} = 'Z' THEN 'Z' ELSE concat(substring({text}, 1, 3), ':', right({text}, 2)) END"
