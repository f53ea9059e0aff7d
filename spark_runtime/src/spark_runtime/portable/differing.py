"""Functions of numbers, texts and lists that Sail takes otherwise than Spark: written anew, or refused."""

import re
from collections.abc import Sequence

from spark_runtime.portable import types
from spark_runtime.portable.agreeing import is_number, refuse_maps, require_compared, require_numbers
from spark_runtime.portable.parse import Node, Pieces
from spark_runtime.portable.scope import literal_places
from spark_runtime.portable.types import FRACTIONS, WHOLE, digits_of, is_decimal
from spark_runtime.portable.writer import Different, Writer, as_type, made

_MOST_PLACES = 100


def remainder(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a remainder of decimals with the digits that Spark gives it."""
    if len(arguments) != 2 or not any(is_decimal(writer.scope.type_of_pieces(item)) for item in arguments):
        return None
    digits = writer.scope.digits(node)
    return None if digits is None else f"CAST({writer.spliced(node)} AS {types.arithmetic('%', *digits)})"


def formatted(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if len(arguments) > 1 and writer.scope.type_of_pieces(arguments[1]) == "string":
        raise Different(
            f"{writer.scope.source(node)}: this engine reads the pattern otherwise; give the number of places"
        )
    if kind == "bigint" or is_decimal(kind):
        raise Different(
            f"{writer.scope.source(node)}: this engine makes a double of {kind} and rounds it otherwise; write "
            "cast(round(x, n) as string)"
        )
    if kind not in FRACTIONS:
        return None
    value = writer.pieces(arguments[0])
    endless = "CAST('Infinity' AS double)"
    return f"CASE {value} WHEN {endless} THEN '∞' WHEN -{endless} THEN '-∞' ELSE {writer.spliced(node)} END"


def printed(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    pattern = arguments[0].only
    text = writer.scope.source(pattern) if pattern is not None and pattern.kind == "string" else "%f"
    if re.search(r"%[^a-zA-Z%]*[0-9][^a-zA-Z%]*[sSbBc]", text):
        raise Different(
            f"{writer.scope.source(node)}: this engine counts the width of texts otherwise; use rpad, lpad or left"
        )
    if "%s" in text:
        for argument in arguments[1:]:
            kind = writer.scope.type_of_pieces(argument)
            if kind not in {*WHOLE, "string", "boolean", "void", "date", None}:
                raise Different(
                    f"{writer.scope.source(node)}: this engine writes {kind} otherwise; cast it to string"
                )
    if re.search(r"%[^a-zA-Z%]*[aefgAEG]", text):
        raise Different(
            f"{writer.scope.source(node)}: this engine rounds fractions in a text otherwise; write %s and "
            "cast(round(x, n) as decimal(p,n))"
        )
    return None


def even(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if is_decimal(writer.scope.type_of_pieces(arguments[0])):
        raise Different(
            f"{writer.scope.source(node)}: bround makes doubles of decimals on this engine; use round"
        )
    places = literal_places(arguments)
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind in WHOLE and (places is None or places < 0):
        raise Different(
            f"{writer.scope.source(node)}: bround lets whole numbers overflow on this engine; use round"
        )
    return None


def to_places(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``ceil`` or ``floor``; of a double to places it makes null of what is not finite."""
    if writer.scope.type_of_pieces(arguments[0]) not in FRACTIONS:
        return None
    if len(arguments) == 2:
        raise Different(
            f"{writer.scope.source(node)}: this engine gives other digits; cast the double to decimal(p,s) before"
        )
    # A whole number, which the engine would compare as the double it comes from: NaN is 0 and more than all numbers.
    return made(writer.spliced(node))


def stacked(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    rows = arguments[0].only
    if rows is None or not rows.name.isdigit() or int(rows.name) < 1:
        return None
    values = arguments[1:]
    width = -(-len(values) // int(rows.name))
    for column in range(width):
        kinds = {writer.scope.type_of_pieces(item) for item in values[column::width]} - {None, "void"}
        if len(kinds) > 1:
            raise Different(
                f"{writer.scope.source(node)}: Spark stacks values of one type only, not "
                f"{' and '.join(sorted(map(str, kinds)))}; cast them"
            )
    return None


def rounded(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind, places = writer.scope.type_of_pieces(arguments[0]), literal_places(arguments)
    if places is None:
        raise Different(f"{writer.scope.source(node)}: Spark rounds to places that are written out; use case")
    if kind == "double" and places != 0:
        if abs(places) > _MOST_PLACES:
            raise Different(f"{writer.scope.source(node)}: this engine does not round to so many places")
        # Numbers that large have no digits to round there, and overflow on the way.
        value, text = writer.pieces(arguments[0]), writer.spliced(node)
        return f"CASE WHEN abs({value}) > 1e100 THEN {value} ELSE {text} END" if places > 0 else text
    if kind == "float":
        further = "".join(f", {writer.pieces(argument)}" for argument in arguments[1:])
        return as_type(f"{node.name}({as_type(writer.pieces(arguments[0]), 'double')}{further})", kind)
    digits = digits_of(kind) if kind is not None and is_decimal(kind) else None
    if digits is None or places is None:
        return None
    return as_type(writer.spliced(node), str(types.rounded(digits, places)))


def first_kept(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if len(arguments) != 2:
        return None
    second = writer.scope.type_of_pieces(arguments[1])
    if arguments[0].only is not None:
        require_compared(writer, arguments[0].only, [second])
    if kind is not None and (kind in FRACTIONS or second not in {kind, "void", None}):
        # By comparing, which takes -0.0 for 0.0.
        first, other = (writer.pieces(argument) for argument in arguments)
        fractions = {kind, second} & set(FRACTIONS)
        is_double = bool(fractions) and (fractions != {kind, second} or "float" in fractions)
        is_double = is_double and not {kind, second} <= {"double", *WHOLE} and is_number(second)
        left, right = (as_type(value, "double") if is_double else value for value in (first, other))
        return f"CASE WHEN ({left}) = ({right}) THEN CAST(NULL AS {kind}) ELSE {first} END"
    return as_type(writer.spliced(node), kind) if kind is not None and digits_of(kind) is not None else None


def is_nan(writer: Writer, node: Node, _arguments: Sequence[Pieces]) -> str | None:
    return f"coalesce({writer.spliced(node)}, false)"


def hypotenuse(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``hypot`` of doubles: the engine squares whole numbers that overflow, and doubles that do."""
    sides = [as_type(writer.pieces(argument), "double") for argument in arguments]
    small = ", ".join(f"{side} * 1e-200" for side in sides)
    is_large = f"greatest({', '.join(f'abs({side})' for side in sides)}) > 1e150"
    return f"CASE WHEN {is_large} THEN {node.name}({small}) * 1e200 ELSE {node.name}({', '.join(sides)}) END"


def quoted(writer: Writer, _node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``quote``, which leaves a backslash alone."""
    return f"concat('\\'', replace({writer.pieces(arguments[0])}, '\\'', '\\\\\\''), '\\'')"


def exploded(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return rows of a map, over which the engine falls."""
    kind = writer.scope.type_of_pieces(arguments[0])
    if kind is None or not kind.startswith("map<"):
        return None
    if node.name.startswith("pos"):
        raise Different(f"{writer.scope.source(node)}: this engine takes no map here; use map_entries")
    return f"inline{node.name.removeprefix('explode')}(map_entries({writer.pieces(arguments[0])}))"


def holds(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    found = writer.spliced(node)
    array = writer.pieces(arguments[0])
    is_known = f"NOT exists({array}, _lf_e -> _lf_e IS NULL)"
    wanted = arguments[1].only
    if wanted is None or wanted.kind not in {"number", "string", "typed"}:
        is_known = f"({writer.pieces(arguments[1])}) IS NOT NULL AND {is_known}"
    return f"CASE WHEN {found} OR {is_known} THEN {found} END"


def zero_if_null(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    require_numbers(writer, node, arguments)
    kind = types.common([writer.scope.type_of_pieces(arguments[0]), "int"])
    if kind is None:
        raise Different(f"{writer.scope.source(node)}: write coalesce(x, 0) with a cast around x")
    return f"coalesce({as_type(writer.pieces(arguments[0]), kind)}, CAST(0 AS {kind}))"


def null_if_zero(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    kind = writer.scope.type_of_pieces(arguments[0])
    if not is_number(kind):
        raise Different(f"{writer.scope.source(node)}: write nullif(x, 0) of a number")
    value = writer.pieces(arguments[0])
    return f"CASE WHEN ({value}) = 0 THEN CAST(NULL AS {kind}) ELSE {value} END"


def chosen_by_number(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``elt`` that is refused where there is no such value, as Spark does."""
    place = writer.pieces(arguments[0])
    return (
        f"CASE WHEN ({place}) NOT BETWEEN 1 AND {len(arguments) - 1} THEN "
        f"raise_error('elt: there is no value of this number') ELSE {writer.spliced(node)} END"
    )


def character(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``chr``: of a number below zero the empty text, of a larger one than 255 the rest."""
    value = writer.pieces(arguments[0])
    if writer.scope.type_of_pieces(arguments[0]) not in WHOLE:
        value = as_type(value, "bigint")
    return f"CASE WHEN ({value}) < 0 THEN '' ELSE {node.name}(CAST(pmod({value}, 256) AS int)) END"


def logarithm(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return a logarithm by its base, null where the base is not above zero."""
    if len(arguments) != 2:
        return None
    return f"CASE WHEN ({writer.pieces(arguments[0])}) > 0 THEN {writer.spliced(node)} END"


def place_from(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return ``locate`` from a place: 0 without one, null without a text."""
    if len(arguments) != 3:
        return None
    part, text, start = (writer.pieces(argument) for argument in arguments)
    return (
        f"CASE WHEN ({start}) IS NULL THEN 0 WHEN ({part}) IS NULL OR ({text}) IS NULL THEN CAST(NULL AS int) "
        f"ELSE {writer.spliced(node)} END"
    )


def valid_text(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    return f"CASE WHEN ({writer.pieces(arguments[0])}) IS NOT NULL THEN {writer.spliced(node)} END"


def encoded(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    charset = arguments[1].only if len(arguments) > 1 else None
    if charset is None or charset.name.strip("'\"").lower() not in {"utf-8", "utf8"}:
        raise Different(
            f"{writer.scope.source(node)}: this engine encodes what does not fit otherwise; use 'UTF-8'"
        )
    return None


def flattened(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    element = types.element_of(writer.scope.type_of_pieces(arguments[0]))
    if element is not None and not element.startswith("array<"):
        raise Different(f"{writer.scope.source(node)}: Spark flattens arrays of arrays only")
    return None


def to_bytes(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if len(arguments) < 2:
        raise Different(
            f"{writer.scope.source(node)}: this engine reads it otherwise; say 'hex', 'base64' or 'utf-8'"
        )
    return None


def bucket(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    if writer.scope.type_of_pieces(arguments[0]) in FRACTIONS:
        raise Different(
            f"{writer.scope.source(node)}: this engine has no bucket for infinities; use case, or cast to decimal(p,s)"
        )
    return None


def comparable_values(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    """Return an aggregate that compares its values, refused for maps, which Spark does not compare."""
    for argument in arguments[:1]:
        refuse_maps(writer, node, writer.scope.type_of_pieces(argument))
    return None


def from_json(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    schema = writer.scope.source(arguments[1].only) if len(arguments) > 1 and arguments[1].only else ""
    if re.search(r"(?i)\b(tinyint|byte|smallint|short|int|integer|bigint|long)\b", schema):
        raise Different(
            "from_json lets whole numbers overflow on this engine; read them as string and cast them after"
        )
    if re.search(r"(?i)\b(float|real|double)\b", schema):
        raise Different(
            "from_json makes null of NaN on this engine; read fractions as string and cast them after"
        )
    value = writer.pieces(arguments[0])
    return f"CASE WHEN trim({value}) <> '' THEN {writer.spliced(node)} END"


def hashed(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    plain = {*WHOLE, "string", "boolean", "date", "timestamp"}
    if any(writer.scope.type_of_pieces(argument) not in plain for argument in arguments):
        raise Different(
            f"{writer.scope.source(node)}: this engine hashes fractions and nested values in another way; use "
            "sha2 of a text, or the step surrogate_key"
        )
    return None


def joined(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> str | None:
    for argument in arguments:
        kind = writer.scope.type_of_pieces(argument)
        if kind in FRACTIONS:
            raise Different(
                f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it to "
                "decimal(p,s) before"
            )
    return None
