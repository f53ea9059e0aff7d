"""Parts and differences of dates and moments as Spark gives them."""

from collections.abc import Sequence

from spark_runtime import casts
from spark_runtime.portable.agreeing import is_number
from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal
from spark_runtime.portable.writer import Different, Writer

_MICROS_OF_MILLISECOND = 1_000
# What Spark takes out of a date or moment.
_FIELDS = frozenset(
    [
        "year",
        "y",
        "years",
        "yr",
        "yrs",
        "yearofweek",
        "quarter",
        "qtr",
        "month",
        "mon",
        "mons",
        "months",
        "week",
        "w",
        "weeks",
        "day",
        "d",
        "days",
        "dayofweek",
        "dow",
        "dayofweek_iso",
        "dow_iso",
        "doy",
        "hour",
        "h",
        "hours",
        "hr",
        "hrs",
        "minute",
        "m",
        "min",
        "mins",
        "minutes",
        "second",
        "s",
        "sec",
        "seconds",
        "secs",
    ]
)


def extracted(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    items = arguments[0].items
    _require_known(items[0])
    if isinstance(items[0], Node) and items[0].name in {"dow", "dayofweek"} and len(items) > 2:
        return f"dayofweek({writer.pieces(Pieces(items[2:]))})"
    return None


def part(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    field = arguments[0].only
    if field is not None and field.name.strip("'\"").lower() in {"dow", "dayofweek"} and len(arguments) > 1:
        return f"dayofweek({writer.pieces(arguments[1])})"
    return None


def weekday(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    return f"((dayofweek({writer.pieces(arguments[0])}) + 5) % 7)"


def difference(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return the difference of dates, in days or by a unit."""
    if len(arguments) != 3:
        return f"CAST({writer.spliced(node)} AS int)"
    unit = arguments[0].only
    name = unit.name.strip("'\"").lower() if unit is not None else ""
    kinds = [writer.scope.type_of_pieces(item) for item in arguments[1:]]
    is_of_days = kinds == ["date", "date"] and name in ("day", "month")
    if not is_of_days and name not in ("hour", "minute", "second"):
        raise Different(
            f"{writer.scope.source(node)}: days and months are counted alike between two dates only; use datediff, "
            "months_between or the difference of unix_micros"
        )
    return f"CAST({writer.spliced(node)} AS bigint)"


def seconds(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if "interval" in str(kind):
        raise Different(f"{writer.scope.source(node)}: Spark takes a number here, not {kind}")
    if kind in WHOLE:
        return _moment_of(writer.pieces(arguments[0]), casts.MICROS_OF_SECOND) if kind == "bigint" else None
    return f"timestamp_micros(CAST(({writer.pieces(arguments[0])}) * 1000000 AS bigint))"


def since_1970(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``unix_seconds`` rounded down before 1970, too."""
    _require_moment(writer, node, arguments[0])
    return casts.since_1970(writer.pieces(arguments[0]), casts.MICROS_OF_SECOND)


def millis_since_1970(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``unix_millis`` rounded down before 1970, too."""
    _require_moment(writer, node, arguments[0])
    return casts.since_1970(writer.pieces(arguments[0]), _MICROS_OF_MILLISECOND)


def micros_since_1970(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    _require_moment(writer, node, arguments[0])
    return None


def of_numbers(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a function that makes a date, moment or text of a number, refused where it is given no number."""
    kind = writer.scope.type_of_pieces(arguments[0])
    is_fraction = node.name != "from_unixtime" and (kind in FRACTIONS or is_decimal(kind))
    if kind not in {None, "void", "string"} and (not is_number(kind) or is_fraction):
        raise Different(f"{writer.scope.source(node)}: Spark takes whole numbers here, not {kind}; cast it")
    if node.name == "timestamp_millis" and kind == "bigint":
        return _moment_of(writer.pieces(arguments[0]), _MICROS_OF_MILLISECOND)
    return None


def day_number(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind not in {None, "void", "string", "date"}:
        raise Different(f"{writer.scope.source(node)}: Spark takes a date here, not {kind}; cast it")
    return None


def _moment_of(number: str, unit_micros: int) -> str:
    """Return the moment of a ``bigint`` of units, refused where it lies beyond what 64 bits hold, as on Spark."""
    factor = f"CAST({unit_micros} AS decimal({len(str(unit_micros))},0))"
    return f"timestamp_micros(CAST(CAST({number} AS decimal(20,0)) * {factor} AS bigint))"


def _require_moment(writer: Writer, node: Node, argument: Pieces) -> None:
    """Refuse the time since 1970 of what is no ``timestamp``.

    Raises:
        Different: See there.
    """
    kind = writer.scope.type_of_pieces(argument)
    if kind not in {None, "void", "string", "timestamp", "date"}:
        raise Different(f"{writer.scope.source(node)}: Spark takes a timestamp here, not {kind}; cast it")


def _require_known(field: Node | Token) -> None:
    """Refuse what only this engine takes out of a date or moment.

    Raises:
        Different: See there.
    """
    name = (field.name if isinstance(field, Node) else field.text).strip("'\"").lower()
    if name not in _FIELDS:
        instead = "unix_timestamp" if name == "epoch" else "a field that Spark knows"
        raise Different(f"extract({name} from …) is not understood by every Spark engine; use {instead}")
