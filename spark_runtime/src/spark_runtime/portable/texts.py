"""Arguments that Spark makes texts of: Sail writes moments and fractions in its own way there, or takes texts only."""

from collections.abc import Sequence

from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.types import FRACTIONS, element_of
from spark_runtime.portable.writer import Different, Writer

_ALL = tuple(range(100))
_PLACES = {
    (0,): """
        ascii lower upper lcase ucase length len char_length character_length octet_length bit_length substring substr
        left right repeat reverse initcap soundex regexp_replace regexp_extract regexp_extract_all regexp_like
        regexp_count regexp_substr regexp_instr split url_encode url_decode try_url_decode unhex unbase64 luhn_check
        is_valid_utf8 make_valid_utf8 validate_utf8 try_validate_utf8 to_binary try_to_binary string_agg listagg
        str_to_map encode""",
    (0, 1): """
        split_part substring_index instr locate position contains startswith endswith levenshtein overlay find_in_set
        trim ltrim rtrim btrim""",
    (0, 2): "lpad rpad",
    (0, 1, 2): "replace translate",
    _ALL: "concat concat_ws",
    _ALL[1:]: "elt format_string printf",
}
_TEXTS = {name: places for places, names in _PLACES.items() for name in names.split()}
# Functions that take texts only, on Spark.
_STRICT = frozenset({"soundex", "str_to_map"})
# Functions that take arrays as well.
_OF_ARRAYS = frozenset({"reverse", "concat", "concat_ws"})
# Functions whose numbers must stay numbers: a pattern says how they are written.
_PRINTING = frozenset({"format_string", "printf"})


def of_texts(writer: Writer, node: Node, arguments: Sequence[Pieces]) -> set[int]:
    """Return which arguments of a call have to be cast to text.

    Raises:
        Different: One of them is written as text in another way, or Spark makes no text of it.
    """
    found = set()
    for place in _TEXTS.get(node.name, ()):
        if place >= len(arguments):
            break
        if _needs_cast(writer, node, arguments[place]):
            found.add(place)
    if node.name == "array_join" and arguments:
        _require_text(writer, node, element_of(writer.scope.type_of_pieces(arguments[0])))
    return found


def _needs_cast(writer: Writer, node: Node, argument: Pieces) -> bool:
    kind = writer.scope.type_of_pieces(argument)
    if any(isinstance(item, Token) and item.word in {"from", "placing", "in"} for item in argument.items):
        # Told apart by words; the casts are left to who writes them.
        first = next(argument.nodes)
        _require_text(writer, node, writer.scope.type_of(first))
        return False
    if kind in {None, "string", "void", "binary"}:
        return False
    if str(kind).startswith("array<") and node.name in _OF_ARRAYS:
        return False
    if node.name in _PRINTING and kind != "boolean":
        return False
    if node.name in _STRICT:
        raise Different(f"{writer.scope.source(node)}: Spark takes a text here, not {kind}; cast it")
    _require_writable(writer, node, str(kind))
    return True


def as_text(writer: Writer, node: Node, written: str) -> str:
    """Return what is joined to or compared with texts as a text.

    Raises:
        Different: See ``of_texts``.
    """
    kind = writer.scope.type_of(node)
    if kind in {None, "string", "void", "binary"} or str(kind).startswith("array<"):
        return written
    _require_writable(writer, node, str(kind))
    return f"CAST({written} AS string)"


def _require_text(writer: Writer, node: Node, kind: str | None) -> None:
    if kind not in {None, "string", "void", "binary"}:
        _require_writable(writer, node, str(kind))
        if kind in {"timestamp", "timestamp_ntz"}:
            raise Different(
                f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it to string"
            )


def _require_writable(writer: Writer, node: Node, kind: str) -> None:
    if kind in FRACTIONS:
        raise Different(
            f"{writer.scope.source(node)}: this engine writes {kind} as text in another way; cast it to "
            "decimal(p,s) before"
        )
    if "<" in kind or "interval" in kind:
        raise Different(f"{writer.scope.source(node)}: Spark takes a text here, not {kind}; write its parts")
