"""What type a piece of SQL has, as far as it can be told from the types of columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from spark_runtime.casts import canonical_type
from spark_runtime.portable import types
from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.sources import Columns, outputs_of, seen_by
from spark_runtime.portable.types import (
    FRACTIONS,
    SOME_DECIMAL,
    WHOLE,
    Digits,
    digits_of,
    element_of,
    fields_of,
    is_decimal,
)

_TEXT = "string"
# Functions whose type does not depend on their arguments, by type.
_BY_TYPE = {
    "bigint": """
        count count_if regr_count approx_count_distinct unix_timestamp unix_micros unix_millis unix_seconds
        monotonically_increasing_id xxhash64 grouping_id factorial""",
    "int": """
        row_number rank dense_rank ntile length char_length character_length len octet_length bit_length instr locate
        position ascii year month day dayofmonth dayofweek weekday dayofyear weekofyear quarter hour minute second
        datediff date_diff unix_date size cardinality levenshtein regexp_count find_in_set hash array_size
        spark_partition_id bit_count""",
    "double": """
        sqrt cbrt exp expm1 ln log log10 log2 log1p pow power stddev std stddev_pop stddev_samp variance var_pop
        var_samp skewness kurtosis corr covar_pop covar_samp percentile median rand random randn sin cos tan asin acos
        atan atan2 degrees radians pi e months_between percent_rank cume_dist rint signum sign hypot nanvl""",
    _TEXT: """
        concat_ws upper lower ucase lcase trim ltrim rtrim btrim substring substr left right reverse replace translate
        lpad rpad repeat initcap md5 sha sha1 sha2 base64 hex bin regexp_replace regexp_extract regexp_substr
        substring_index overlay format_string printf format_number date_format from_unixtime to_json get_json_object
        chr char soundex uuid decode space array_join string_agg listagg typeof quote current_user split_part
        parse_url""",
    "date": """
        date_add date_sub dateadd add_months last_day next_day to_date trunc make_date current_date curdate
        date_from_unix_date""",
    "timestamp": """
        date_trunc to_timestamp try_to_timestamp current_timestamp now from_utc_timestamp to_utc_timestamp
        timestamp_seconds timestamp_millis timestamp_micros make_timestamp timestampadd""",
    "boolean": """
        isnull isnotnull isnan array_contains exists forall any_match startswith endswith contains like rlike regexp
        regexp_like bool_or bool_and every some any map_contains_key arrays_overlap equal_null""",
    "binary": "encode unhex unbase64 to_binary",
    "array<string>": "split",
}
_FIXED = {name: kind for kind, names in _BY_TYPE.items() for name in names.split()}
_LIKE_FIRST = """
abs min max first last any_value first_value last_value lag lead nth_value nullif mode max_by min_by negative positive
filter array_sort sort_array array_distinct slice array_remove array_except array_union array_intersect bit_and bit_or
bit_xor shiftleft shiftright array_compact try_add try_subtract try_multiply mod pmod try_mod array_append
"""
_OF_FIRST = frozenset(_LIKE_FIRST.split())
_OF_ALL = frozenset({"coalesce", "ifnull", "nvl", "greatest", "least"})
_TOGETHER = frozenset({"array", "map", "struct", "named_struct"})
_ELEMENT = frozenset(
    {"element_at", "try_element_at", "array_max", "array_min", "get", "explode", "explode_outer"}
)

Ask = Callable[[Sequence[str]], Sequence[str | None]]


@dataclass(slots=True)
class Scope:
    """Types of the names that a text can use.

    Attributes:
        names: Types by name, those of queries around this one included.
        ask: Asks the engine for the types of expressions that stand for themselves; ``None`` where it cannot.
        tables: Columns by the name of a table.
        base: What is known of the columns of a table that ``tables`` does not name.
        sources: Columns by the name that a table has in a query; ``None`` where that is not one table.
        own: Types of the names that the tables of this very query have.
    """

    text: str
    names: dict[str, str | None]
    ask: Ask | None = None
    tables: Mapping[str, Columns] = field(default_factory=dict)
    base: Columns = field(default_factory=dict)
    sources: Mapping[str, Columns | None] = field(default_factory=dict)
    own: Columns = field(default_factory=dict)
    _asked: dict[str, str | None] = field(default_factory=dict)
    _queries: dict[int, "Scope"] = field(default_factory=dict)

    def source(self, node: Node) -> str:
        return self.text[node.start : node.end]

    def with_names(self, names: Mapping[str, str | None]) -> "Scope":
        return replace(self, names=self.names | dict(names), ask=None)

    def with_tables(self, tables: Mapping[str, Columns]) -> "Scope":
        return replace(self, tables=tables)

    def of_query(self, pieces: Pieces) -> "Scope":
        """Return the scope within a query that stands in this one."""
        start = pieces.items[0].start
        if start not in self._queries:
            seen = seen_by(pieces, self)
            own = self.with_names(seen.names)
            sources = {**self.sources, **seen.sources}
            self._queries[start] = replace(own, tables=seen.tables, sources=sources, own=seen.names)
        return self._queries[start]

    def type_of(self, node: Node) -> str | None:
        """Return the type of arithmetic, ``decimal`` without digits if only that is known, ``None`` if nothing is."""
        found = self._told(node)
        if found is None and self.ask is not None and node.kind != "brackets":
            source = self.source(node)
            if source not in self._asked:
                self._asked[source] = self.ask([source])[0]
            found = self._asked[source]
        return found

    def type_of_pieces(self, pieces: Pieces) -> str | None:
        if pieces.is_query:
            return next(iter(outputs_of(pieces, self).values()), None)
        if pieces.is_logic:
            return "boolean"
        items = [
            item
            for item in pieces.items
            if not (isinstance(item, Token) and item.word in {"distinct", "all"})
        ]
        first = items[0] if len(items) == 1 else None
        if isinstance(first, Token):
            # A column that is called like a word of a clause, such as rows.
            return self.names.get(first.word)
        return self.type_of(first) if first is not None else None

    def _told(self, node: Node) -> str | None:
        match node.kind:
            case "number":
                return type_of_number(node.name)
            case "string":
                return _TEXT
            case "typed":
                return node.name
            case "name":
                constants = {"true": "boolean", "false": "boolean", "null": "void", "current_date": "date"}
                return self.names[node.name] if node.name in self.names else constants.get(node.name)
            case "brackets":
                return self.type_of_pieces(node.pieces[0])
            case "minus":
                least = {"2147483648": "int", "9223372036854775808": "bigint"} if node.name == "-" else {}
                return least.get(written_number(node) or "") or self.type_of_pieces(node.pieces[0])
            case "cast":
                return canonical_type(node.to)
            case "case":
                return types.common([self.type_of_pieces(p) for p in node.pieces[: int(node.to)]])
            case "binary":
                return self._of_binary(node)
            case "item":
                return element_of(self.type_of_pieces(node.pieces[0]))
            case "field":
                return self._of_field(node)
        return self._of_call(node)

    def _of_field(self, node: Node) -> str | None:
        base = node.pieces[0].only
        kind = None if base is None else self._told(base)
        if kind is not None and kind.startswith("struct<"):
            return fields_of(kind).get(node.name)
        if base is None or base.kind != "name":
            return None
        # The name of a table in front of the name of a column.
        of_table = self.sources.get(base.name, self.names)
        return None if of_table is None else of_table.get(node.name)

    def _of_binary(self, node: Node) -> str | None:
        left, right = (self.type_of_pieces(side) for side in node.pieces)
        if node.name == "||":
            return _TEXT
        if node.name == "div":
            return "bigint"
        if node.name in {"&", "|", "^"}:
            return types.common([left, right])
        return self.result(node, left, right)

    def result(self, node: Node, left: str | None, right: str | None) -> str | None:
        """Return the type of an addition, subtraction, multiplication, division or remainder."""
        sides = (left, right)
        if any(side in FRACTIONS for side in sides):
            return "float" if left == right == "float" and node.name != "/" else "double"
        for moment in ("timestamp", "timestamp_ntz", "date"):
            if moment in sides:
                return "interval" if left == right or (moment != "date" and "date" in sides) else moment
        if all(side in WHOLE for side in sides):
            return "double" if node.name == "/" else types.common(sides)
        digits = self.digits(node)
        if digits is not None and any(map(is_decimal, sides)):
            return str(types.arithmetic(node.name, *digits))
        return SOME_DECIMAL if any(map(is_decimal, sides)) else None

    def digits(self, node: Node) -> tuple[Digits, Digits] | None:
        """Return the digits of both operands; a whole number written out has as many as it has."""
        found = []
        for side in node.pieces:
            only = side.only
            kind = self.type_of_pieces(side)
            digits = digits_of(kind) if kind is not None else None
            written = None if only is None else written_number(only)
            if written is not None and kind in WHOLE:
                digits = Digits(len(written.rstrip("LlSsYy").lstrip("0") or "0"), 0)
            if digits is None:
                return None
            found.append(digits)
        return found[0], found[1]

    def _of_call(self, node: Node) -> str | None:
        name = node.name
        arguments = node.pieces[: int(node.to or 0)]
        if name in _FIXED:
            return _FIXED[name]
        if not arguments or not arguments[0].items:
            return None
        if name in {"extract", "date_part", "datepart"}:
            field = arguments[0].items[0]
            part = field.name.strip("'\"").lower() if isinstance(field, Node) else ""
            return "decimal(8,6)" if part in {"second", "seconds", "s"} else "int"
        if name in _TOGETHER:
            return self._of_constructor(name, arguments)
        return self._of_arguments(node, arguments)

    def _of_arguments(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        name = node.name
        if name in {"transform", "aggregate", "reduce"}:
            return self._of_lambda(name, arguments)
        first = self.type_of_pieces(arguments[0])
        if name == "concat":
            return first if first is not None and first.startswith("array<") else _TEXT
        if name in {"pmod", "mod"} and is_decimal(first) and len(arguments) == 2:
            digits = self.digits(node)
            return SOME_DECIMAL if digits is None else str(types.arithmetic("%", *digits))
        if name in _OF_FIRST:
            return first
        if name in _OF_ALL:
            return types.common([self.type_of_pieces(item) for item in arguments])
        if name in {"if", "iff", "nvl2"}:
            return types.common([self.type_of_pieces(item) for item in arguments[1:]])
        if name in _ELEMENT:
            return element_of(first)
        if name in {"collect_list", "collect_set", "array_agg"}:
            return None if first is None else f"array<{first}>"
        return _of_number(name, first, arguments)

    def _of_constructor(self, name: str, arguments: Sequence[Pieces]) -> str | None:
        if name == "array":
            element = types.common([self.type_of_pieces(item) for item in arguments])
            return None if element is None else f"array<{element}>"
        if name == "map":
            sides = [types.common([self.type_of_pieces(item) for item in arguments[at::2]]) for at in (0, 1)]
            return None if None in sides else f"map<{sides[0]},{sides[1]}>"
        if name == "struct":
            names = [_name_within(item, at) for at, item in enumerate(arguments, 1)]
            kinds = [self.type_of_pieces(_without_name(item)) for item in arguments]
        else:
            names = [item.only.name.strip("'\"") if item.only is not None else "" for item in arguments[::2]]
            kinds = [self.type_of_pieces(item) for item in arguments[1::2]]
        if None in kinds or len(names) != len(kinds):
            return None
        return f"struct<{','.join(f'{field}:{kind}' for field, kind in zip(names, kinds, strict=True))}>"

    def _of_lambda(self, name: str, arguments: Sequence[Pieces]) -> str | None:
        if name != "transform":
            return self.type_of_pieces(arguments[1]) if len(arguments) > 1 else None
        inner, body = self.inside(arguments)
        kind = None if body is None else inner.type_of_pieces(body)
        return None if kind is None else f"array<{kind}>"

    def inside(self, arguments: Sequence[Pieces]) -> tuple["Scope", Pieces | None]:
        """Return the scope of the function that walks over an array, and its body."""
        element = element_of(self.type_of_pieces(arguments[0]))
        for argument in arguments[1:]:
            words = argument.words()
            if "->" in words:
                at = words.index("->")
                names = _parameters(argument.items[:at])
                start = self.type_of_pieces(arguments[1]) if len(names) > 1 and len(arguments) > 2 else None
                kinds = [element] if len(names) == 1 else [start, element]
                if len(arguments) == 2 and len(names) == 2:
                    kinds = [element, "int"]
                return self.with_names(dict(zip(names, kinds, strict=False))), Pieces(
                    argument.items[at + 1 :]
                )
        return self, None


def _parameters(items: Sequence[Node | Token]) -> list[str]:
    node = items[0] if items else None
    if not isinstance(node, Node):
        return []
    inner = node.pieces[0].nodes if node.kind == "brackets" else (node,)
    return [item.name for item in inner]


def _name_within(argument: Pieces, number: int) -> str:
    """Return what a value is called in the struct that it is put into."""
    last = argument.items[-1]
    return last.name if isinstance(last, Node) and last.kind in {"name", "field"} else f"col{number}"


def _without_name(argument: Pieces) -> Pieces:
    words = argument.words()
    return Pieces(argument.items[: words.index("as")]) if "as" in words else argument


def _of_number(name: str, first: str | None, arguments: Sequence[Pieces]) -> str | None:
    """Return the type of a function of numbers, which follows from that of its first argument."""
    if first is None:
        return None
    digits = digits_of(first)
    if name in {"sum", "try_sum"}:
        if first in WHOLE:
            return "bigint"
        return (
            str(types.total(digits))
            if digits is not None
            else SOME_DECIMAL
            if is_decimal(first)
            else "double"
        )
    if name in {"avg", "mean", "try_avg"}:
        if first in WHOLE or not is_decimal(first):
            return "double"
        return str(types.average(digits)) if digits is not None else SOME_DECIMAL
    if name in {"round", "bround"}:
        if first in FRACTIONS or first in WHOLE:
            return first
        places = literal_places(arguments)
        return (
            str(types.rounded(digits, places)) if digits is not None and places is not None else SOME_DECIMAL
        )
    if name in {"ceil", "ceiling", "floor"} and len(arguments) == 1:
        if digits is not None and is_decimal(first):
            return str(Digits(digits.precision - digits.scale + 1, 0))
        return "bigint"
    return None


def written_number(node: Node) -> str | None:
    """Return a number that is written out, without its sign; ``None`` for what is none."""
    if node.kind == "minus" and node.name == "-":
        inner = node.pieces[0].only
        return inner.name if inner is not None and inner.kind == "number" else None
    return node.name if node.kind == "number" else None


def literal_places(arguments: Sequence[Pieces]) -> int | None:
    """Return the second argument of ``round``, 0 without one, ``None`` if it is not written out."""
    if len(arguments) < 2:
        return 0
    node = arguments[1].only
    if node is not None and node.kind == "minus" and node.name == "-":
        inner = node.pieces[0].only
        return -int(inner.name) if inner is not None and inner.name.isdigit() else None
    return int(node.name) if node is not None and node.name.isdigit() else None


def type_of_number(text: str) -> str:
    suffix = re.search(r"(?i)(bd|[lsydf])$", text)
    if suffix:
        plain = {"l": "bigint", "s": "smallint", "y": "tinyint", "d": "double", "f": "float"}
        kind = plain.get(suffix[1].lower())
        return kind or _written(text[:-2])
    if re.search(r"[eE]", text):
        return "double"
    if "." in text:
        return _written(text)
    value = int(text)
    return "int" if value < 1 << 31 else "bigint" if value < 1 << 63 else f"decimal({len(text)},0)"


def _written(text: str) -> str:
    whole, _, fraction = text.partition(".")
    scale = len(fraction)
    return str(Digits(max(len(whole.lstrip("0")) + scale, scale, 1), scale))
