"""Sums, means, counts and extremes of many rows with the values and types of Spark."""

from collections.abc import Sequence

from spark_runtime.portable import frames, types
from spark_runtime.portable.agreeing import refuse_maps
from spark_runtime.portable.arithmetic import ALL_DIGITS, QUOTIENT_DIGITS, within
from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.types import FRACTIONS, SOME_DECIMAL, Digits, digits_of, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type, made
from spark_runtime.sql import comparable


def total(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind is None:
        shown = writer.scope.source(node)
        raise Different(
            f"the type of what {shown} adds up cannot be told, and this engine lets whole numbers overflow; cast it"
        )
    frames.refuse_moving(writer, node, kind)
    if kind == "bigint":
        inner = _each(writer, arguments[0], "decimal(38,0)")
        return made(as_type(f"{node.name}({inner}){writer.suffix(node)}", "bigint"))
    digits = digits_of(kind)
    result = None if digits is None or not is_decimal(kind) else types.total(digits)
    if result is None or result.precision < ALL_DIGITS:
        return None
    # Beyond 38 digits the engine's own numbers wrap around as well; doubles do not.
    # The addend tells the two sums apart: the engine takes no two aggregates that differ in casts alone.
    roughly = f"{node.name}({_each(writer, arguments[0], 'double')} + 0D){writer.suffix(node)}"
    return within(writer.spliced(node), result, f"abs({roughly}) > 1.5e{ALL_DIGITS - result.scale}")


def average(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind is None or kind == SOME_DECIMAL:
        shown = writer.scope.source(node)
        raise Different(
            f"the type of what {shown} is the mean of cannot be told, and this engine cuts decimals; cast it"
        )
    # A mean is one of doubles, but for decimals.
    frames.refuse_moving(writer, node, kind)
    digits = digits_of(kind) if is_decimal(kind) else None
    if digits is None:
        return None
    result, suffix, value = types.average(digits), writer.suffix(node), writer.pieces(arguments[0])
    wanted = result.scale + 1 - QUOTIENT_DIGITS
    scale = min(wanted, ALL_DIGITS - digits.precision + digits.scale)
    total, count = f"sum({value}){suffix}", f"CAST(nullif(count({value}){suffix}, 0) AS decimal(20,0))"
    sums = as_type(total, str(Digits(ALL_DIGITS, max(scale, digits.scale))))
    mean = made(as_type(f"({sums} / {count})", str(result)))
    if wanted <= max(scale, digits.scale):
        return mean
    tried = f"try_cast({total} AS {Digits(ALL_DIGITS, wanted)})"
    return f"coalesce({made(as_type(f'({tried} / {count})', str(result)))}, {mean})"


def counted(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a count of different values in which both zeros are one, and all NaN."""
    first = arguments[0].items[0] if arguments[0].items else None
    kinds = [writer.scope.type_of_pieces(argument) for argument in arguments]
    is_distinct = isinstance(first, Token) and first.word == "distinct"
    if is_distinct and any("map<" in kind for kind in kinds if kind is not None):
        raise Different(f"{writer.scope.source(node)}: this engine does not compare maps; use map_entries")
    if not is_distinct or not set(kinds) & set(FRACTIONS):
        return None
    values = [writer.pieces(Pieces(arguments[0].items[1:])), *map(writer.pieces, arguments[1:])]
    plain = (comparable(value, kind or "") for value, kind in zip(values, kinds, strict=True))
    return f"{node.name}(DISTINCT {', '.join(plain)}){writer.suffix(node)}"


def extreme(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return the least or greatest of doubles, NaN being the greatest; the engine overlooks infinities and NaN."""
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind is None:
        return None
    refuse_maps(writer, node, kind)
    if kind.startswith(("struct<", "array<")):
        return frames.extreme_of_nested(writer, node, arguments)
    if kind not in FRACTIONS:
        return None
    value, suffix = writer.pieces(arguments[0]), writer.suffix(node)
    special = ["-Infinity", "", "Infinity", "NaN"]
    cases = []
    for text in special if node.name == "min" else reversed(special):
        this = f"CAST('{text}' AS {kind})"
        met = f"isnan({value})" if text == "NaN" else f"{value} = {this}"
        if text:
            cases.append(f"WHEN count(CASE WHEN {met} THEN 1 END){suffix} > 0 THEN {this}")
        else:
            plain = (
                f"CASE WHEN NOT isnan({value}) AND abs({value}) < CAST('Infinity' AS {kind}) THEN {value} END"
            )
            cases.append(f"WHEN count({plain}){suffix} > 0 THEN {node.name}({plain}){suffix}")
    return f"CASE {' '.join(cases)} END"


def _each(writer: Writer, pieces: Pieces, kind: str) -> str:
    """Return the argument of an aggregate cast to a type, DISTINCT in front of it or not."""
    first = pieces.items[0]
    if isinstance(first, Token) and first.word in {"distinct", "all"}:
        return f"{first.text} {as_type(writer.pieces(Pieces(pieces.items[1:])), kind)}"
    return as_type(writer.pieces(pieces), kind)
