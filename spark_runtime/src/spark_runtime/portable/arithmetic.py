"""Arithmetic with the values, types and refusals of Spark, on an engine that wraps whole numbers and cuts decimals."""

from spark_runtime.portable import types
from spark_runtime.portable.agreeing import MOMENTS, is_number
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.scope import written_number
from spark_runtime.portable.texts import as_text
from spark_runtime.portable.types import FRACTIONS, WHOLE, Digits, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type, made

ALL_DIGITS = 38
# Digits that the engine keeps behind the point of a quotient, beyond those of the dividend.
QUOTIENT_DIGITS = 4
_TIMES = ("date", *MOMENTS)
_BITS = frozenset("&|^")


def binary(writer: Writer, node: Node) -> str:
    scope = writer.scope
    left, right = (scope.type_of_pieces(side) for side in node.pieces)
    if node.name == "div":
        return made(writer.spliced(node))
    if node.name == "||":
        sides = [
            as_text(writer, side.only, writer.pieces(side)) if side.only else writer.pieces(side)
            for side in node.pieces
        ]
        return f"{sides[0]} || {sides[1]}"
    _require_operands(writer, node, left, right)
    if node.name not in {"+", "-", "*", "/", "%"}:
        return writer.spliced(node)
    first, second = (writer.pieces(side) for side in node.pieces)
    if left in WHOLE and right in WHOLE:
        return _of_whole(node, first, second, str(types.common([left, right])))
    if (is_decimal(left) or is_decimal(right)) and not {left, right} & set(FRACTIONS):
        digits = scope.digits(node)
        if digits is None and node.name == "/":
            raise Different(
                f"the digits of {scope.source(node)} cannot be told, and this engine divides decimals to others; "
                "cast both sides to decimal(p,s)"
            )
        return writer.spliced(node) if digits is None else _of_decimals(node, digits, first, second)
    if "float" in (left, right) and left != right:
        return f"({as_type(first, 'double')} {node.name} {as_type(second, 'double')})"
    if node.name == "-" and left == right == "date":
        raise Different(f"{scope.source(node)} is an interval on Spark and a number here; use datediff")
    if None in (left, right) and not {left, right} & {*FRACTIONS, *_TIMES, "interval"}:
        unknown = node.pieces[0 if left is None else 1]
        shown = scope.text[unknown.items[0].start : unknown.items[-1].end]
        raise Different(
            f"the type of {shown} cannot be told, and this engine lets whole numbers overflow and cuts decimals; write "
            f"cast({shown} as …)"
        )
    return writer.spliced(node)


def signed(writer: Writer, node: Node) -> str:
    """Return an expression with its sign; the least numbers of all are read as negative ones."""
    kind = writer.scope.type_of(node)
    if node.name == "~":
        if kind is not None and kind not in WHOLE:
            raise Different(
                f"{writer.scope.source(node)}: Spark takes whole numbers here, not {kind}; cast it"
            )
        return (
            as_type(writer.spliced(node), kind) if kind in {"tinyint", "smallint"} else writer.spliced(node)
        )
    is_least = written_number(node) in {"2147483648", "9223372036854775808"} and node.name == "-"
    return as_type(writer.spliced(node), str(kind)) if is_least else writer.spliced(node)


def _require_operands(writer: Writer, node: Node, left: str | None, right: str | None) -> None:
    """Refuse operands that Spark does not compute with.

    Raises:
        Different: See there.
    """
    kinds = [
        str(kind)
        for kind in (left, right)
        if kind not in {None, "void", "string"} and "interval" not in str(kind)
    ]
    if node.name in _BITS:
        faulty = [kind for kind in kinds if kind not in WHOLE]
    elif node.name == "div":
        faulty = [kind for kind in kinds if kind not in WHOLE and not is_decimal(kind)]
    elif node.name in "+-" and any(kind in _TIMES or "interval" in str(kind) for kind in (left, right)):
        beside = (*WHOLE[:-1], *_TIMES) if "date" in kinds else _TIMES
        faulty = [kind for kind in kinds if kind not in beside]
    else:
        faulty = [kind for kind in kinds if not is_number(kind)]
    if faulty:
        raise Different(
            f"{writer.scope.source(node)}: Spark has no '{node.name}' of {left} and {right}; cast them"
        )


def _of_whole(node: Node, left: str, right: str, kind: str) -> str:
    if node.name == "/":
        return _divided(node, left, right)
    if node.name == "%":
        return f"({left} % {right})"
    wide = "bigint" if kind != "bigint" else f"decimal({19 if node.name == '*' else 20},0)"
    return made(as_type(f"({as_type(left, wide)} {node.name} {as_type(right, wide)})", kind))


def _divided(node: Node, left: str, right: str) -> str:
    """Return a quotient that is null where the dividend is, whatever it is divided by."""
    if node.pieces[0].only is not None and node.pieces[0].only.kind == "number":
        return f"({left} / {right})"
    return f"CASE WHEN ({left}) IS NOT NULL THEN ({left}) / ({right}) END"


def _of_decimals(node: Node, digits: tuple[Digits, Digits], left: str, right: str) -> str:
    result = types.arithmetic(node.name, *digits)
    sides = [
        as_type(text, str(of)) if _is_written(side) else text
        for text, of, side in zip((left, right), digits, node.pieces, strict=True)
    ]
    if node.name == "/":
        return _quotient(node, sides[0], sides[1], digits[0], result)
    value = f"({sides[0]} {node.name} {sides[1]})"
    cuts = result.scale < types.all_digits_behind(node.name, *digits)
    return within(made(as_type(value, str(result))) if cuts else as_type(value, str(result)), result)


def _quotient(node: Node, left: str, right: str, of: Digits, result: Digits) -> str:
    """Return a quotient with one digit more than the result has, so that it is rounded and not cut.

    Where a dividend may have too many digits for that, the further ones are tried.
    """
    wanted = result.scale + 1 - QUOTIENT_DIGITS
    room = ALL_DIGITS - of.precision + of.scale
    plain = min(wanted, room)
    sure = as_type(left, str(Digits(ALL_DIGITS, plain))) if plain > of.scale else left
    quotient = made(as_type(_divided(node, sure, right), str(result)))
    if wanted <= max(room, of.scale):
        return quotient
    tried = f"try_cast({left} AS {Digits(ALL_DIGITS, wanted)})"
    return f"coalesce({made(as_type(_divided(node, tried, right), str(result)))}, {quotient})"


def within(value: str, digits: Digits, or_else: str = "false") -> str:
    """Return a decimal that must not have more than 38 digits: the engine keeps a 39th."""
    if digits.precision < ALL_DIGITS:
        return value
    most = "9" * (ALL_DIGITS - digits.scale) + ("." + "9" * digits.scale if digits.scale else "")
    limits = f"CAST('-{most}' AS {digits}) AND CAST('{most}' AS {digits})"
    message = f"overflow: more than {ALL_DIGITS} digits"
    return (
        f"CASE WHEN {value} NOT BETWEEN {limits} OR {or_else} THEN raise_error('{message}') ELSE {value} END"
    )


def _is_written(pieces: Pieces) -> bool:
    written = None if pieces.only is None else written_number(pieces.only)
    return written is not None and written.isdigit()
