"""Parts and differences of dates and moments as Spark gives them."""

from collections.abc import Sequence

from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.types import WHOLE
from spark_runtime.portable.writer import Different, Writer

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


def seconds(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind in WHOLE:
        return None
    return f"timestamp_micros(CAST(({writer.pieces(arguments[0])}) * 1000000 AS bigint))"


def since_1970(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``unix_seconds`` rounded down before 1970, too."""
    return f"CAST(floor(unix_micros({writer.pieces(arguments[0])}) / 1000000) AS bigint)"


def _require_known(field: Node | Token) -> None:
    """Refuse what only this engine takes out of a date or moment.

    Raises:
        Different: See there.
    """
    name = (field.name if isinstance(field, Node) else field.text).strip("'\"").lower()
    if name not in _FIELDS:
        instead = "unix_timestamp" if name == "epoch" else "a field that Spark knows"
        raise Different(f"extract({name} from …) is not understood by every Spark engine; use {instead}")
