"""The types that Spark gives to arithmetic, which is what every engine has to give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

WHOLE = ("tinyint", "smallint", "int", "bigint")
FRACTIONS = ("float", "double")
# A decimal whose digits are not known, and a type that is not known at all.
SOME_DECIMAL = "decimal"
_DIGITS_OF = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}
_MOST = 38
_MOMENTS = {"date", "timestamp", "timestamp_ntz"}
# What a text beside it is read as.
READ_FROM_TEXT = frozenset({"date", "timestamp", "timestamp_ntz", "boolean"})
_DECIMAL = re.compile(r"decimal\((\d+),(-?\d+)\)\Z")


@dataclass(frozen=True, slots=True)
class Digits:
    """Precision and scale of a decimal."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


def digits_of(kind: str) -> Digits | None:
    """Return the digits of a decimal, or of a whole number taken for one; ``None`` for other types."""
    match = _DECIMAL.match(kind)
    if match:
        return Digits(int(match[1]), int(match[2]))
    return Digits(_DIGITS_OF[kind], 0) if kind in _DIGITS_OF else None


def is_decimal(kind: str | None) -> bool:
    return kind is not None and kind.startswith("decimal")


def arithmetic(operator: str, left: Digits, right: Digits) -> Digits:
    """Return the digits of a result: Spark's rules, which keep at least six digits behind the point."""
    whole = max(left.precision - left.scale, right.precision - right.scale)
    scale = max(left.scale, right.scale)
    if operator in "+-":
        return _fitted(whole + scale + 1, scale)
    if operator == "*":
        return _fitted(left.precision + right.precision + 1, left.scale + right.scale)
    if operator == "/":
        scale = max(6, left.scale + right.precision + 1)
        return _fitted(left.precision - left.scale + right.scale + scale, scale)
    whole = min(left.precision - left.scale, right.precision - right.scale)
    return _fitted(whole + scale, scale)


def all_digits_behind(operator: str, left: Digits, right: Digits) -> int:
    """Return how many digits behind the point a sum, product or remainder has before it is rounded."""
    return left.scale + right.scale if operator == "*" else max(left.scale, right.scale)


def holds(target: str, kind: str) -> bool:
    """Return whether every number of a type is one of another type as well."""
    own, wanted = digits_of(kind), digits_of(target)
    if own is None or wanted is None:
        return target == "double" or own is None
    return wanted.scale >= own.scale and wanted.precision - wanted.scale >= own.precision - own.scale


def average(of: Digits) -> Digits:
    return Digits(min(of.precision + 4, _MOST), min(of.scale + 4, _MOST))


def rounded(of: Digits, places: int) -> Digits:
    whole = of.precision - of.scale + 1
    if places < 0:
        return Digits(min(max(whole, -places + 1), _MOST), 0)
    scale = min(places, of.scale)
    return Digits(min(whole + scale, _MOST), scale)


def total(of: Digits) -> Digits:
    return Digits(min(of.precision + 10, _MOST), of.scale)


def element_of(kind: str | None) -> str | None:
    """Return the type of the elements of an array, or of the values of a map."""
    if kind is None:
        return None
    if kind.startswith("array<"):
        return kind[len("array<") : -1]
    return key_and_value(kind)[1] if kind.startswith("map<") else None


def key_and_value(kind: str) -> tuple[str, str]:
    """Return the types within that of a map."""
    key, value = parts(kind[len("map<") : -1])
    return key, value


def fields_of(kind: str) -> dict[str, str]:
    """Return the types within that of a struct by the names of its fields."""
    named = (part.partition(":") for part in parts(kind[len("struct<") : -1]))
    return {name.casefold(): of for name, _, of in named}


def parts(text: str) -> list[str]:
    """Return what stands between the commas of a type that are not inside brackets."""
    found, depth = [""], 0
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


def _fitted(precision: int, scale: int) -> Digits:
    if precision <= _MOST:
        return Digits(precision, scale)
    whole = precision - scale
    return Digits(_MOST, max(_MOST - whole, min(scale, 6)))


def common(kinds: Sequence[str | None]) -> str | None:
    """Return the type that values of these types have together, ``None`` where it cannot be told."""
    known = [kind for kind in kinds if kind != "void"]
    if not known or any(kind is None or kind == SOME_DECIMAL for kind in known):
        return None
    plain = [str(kind) for kind in known]
    if "string" in plain and len(others := {*plain} - {"string"}) == 1 and others & READ_FROM_TEXT:
        return others.pop()
    if len(set(plain)) == 1:
        return plain[0]
    if {*plain} <= _MOMENTS:
        return "timestamp" if "timestamp" in plain else "timestamp_ntz"
    if all(kind in WHOLE for kind in plain):
        return max(plain, key=WHOLE.index)
    if any(kind in FRACTIONS for kind in plain) and all(
        kind in FRACTIONS or digits_of(kind) is not None for kind in plain
    ):
        return "double"
    digits = [digits_of(kind) for kind in plain]
    if all(item is not None for item in digits):
        whole = max(item.precision - item.scale for item in digits if item is not None)
        scale = max(item.scale for item in digits if item is not None)
        # Digits before the point are kept, those behind it give way.
        return str(Digits(min(whole + scale, _MOST), min(scale, _MOST - whole)))
    return None
