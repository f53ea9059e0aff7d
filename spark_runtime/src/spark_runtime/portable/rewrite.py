"""Writes SQL so that an engine which counts in its own way gives the values and types of Spark.

Sail wraps whole numbers around, cuts decimals and takes the first type of a CASE for that of all its branches, all
without a word. Where the types of operands are known, the text says what Spark would do: wider arithmetic and a cast
back, which refuses what does not fit. Where a difference cannot be written away, it is refused.
"""

import re
from collections.abc import Sequence

from spark_runtime.portable import arguments as of_calls
from spark_runtime.portable import differing, types
from spark_runtime.portable.arguments import Different
from spark_runtime.portable.differing import REFUSED
from spark_runtime.portable.parse import Node, Pieces, Token
from spark_runtime.portable.scope import Scope, literal_places
from spark_runtime.portable.types import FRACTIONS, WHOLE, Digits, digits_of, is_decimal

_ALL_DIGITS = 38
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
# Digits that the engine keeps behind the point of a quotient, beyond those of the dividend.
_QUOTIENT_DIGITS = 4
_COMPARISONS = frozenset(
    {"=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">=", "in", "not", "between", "and", "is"}
)
_EQUALITIES = frozenset({"=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">="})
_BACK_TO = {
    "regexp_count": "int",
    **dict.fromkeys(("md5", "substring_index"), "string"),
    "date_trunc": "timestamp",
}
_CHOOSING = {"coalesce": 0, "ifnull": 0, "nvl": 0, "greatest": 0, "least": 0, "if": 1, "iff": 1}
_PATTERN_OF = frozenset(
    {
        "regexp_replace",
        "regexp_extract",
        "regexp_extract_all",
        "regexp_like",
        "regexp_count",
        "regexp_substr",
        "split",
    }
)


def rewritten(pieces: Pieces, scope: Scope) -> str:
    """Return the text of the pieces of a whole text.

    Raises:
        Different: A difference cannot be written away.
    """
    return _Writer(scope).row(pieces, 0, len(scope.text))


class _Writer:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        # What is being compared. The engine compares the wider number and never makes the cast that would refuse it.
        self._compared: Node | None = None

    @property
    def scope(self) -> Scope:
        return self._scope

    def row(self, pieces: Pieces, start: int, end: int) -> str:
        """Return a stretch of the text with the arithmetic in it written anew."""
        text, at, written = self._scope.text, start, []
        for number, item in enumerate(pieces.items):
            if isinstance(item, Node):
                written += [text[at : item.start], self._in_place(pieces.items, number, item)]
                at = item.end
        return "".join([*written, text[at:end]])

    def _in_place(self, items: Sequence[Node | Token], number: int, node: Node) -> str:
        before = items[number - 1] if number else None
        word = before.word if isinstance(before, Token) else ""
        if word in {"rlike", "regexp"} and node.kind == "string":
            return ascii_classes(self._scope.source(node))
        if word == "in" and node.kind == "brackets" and number > 1:
            return self._in_list(_tested(items, number), node)
        return self._beside(items, number, node) if _is_compared(items, number) else self.node(node)

    def _operand(self, node: Node) -> str:
        only = node.pieces[0].only if node.kind == "brackets" else None
        if only is not None:
            return f"({self._operand(only)})"
        self._compared = node
        return self.node(node)

    def _beside(self, items: Sequence[Node | Token], number: int, node: Node) -> str:
        """Return an operand of a comparison; a decimal beside a double is compared as one, as Spark does."""
        written = self._operand(node)
        if is_decimal(self._scope.type_of(node)):
            others = (self._scope.type_of(other) for other in _compared_with(items, number))
            if any(kind in FRACTIONS for kind in others):
                return _as(written, "double")
        return written

    def _in_list(self, tested: Node | Token, node: Node) -> str:
        kind = self._scope.type_of(tested) if isinstance(tested, Node) else None
        written = self.node(node)
        if kind not in FRACTIONS or node.pieces[0].is_query:
            return written
        values = (self.node(item) for item in node.pieces[0].nodes)
        return f"({', '.join(f'CAST({value} AS {kind})' for value in values)})"

    def pieces(self, pieces: Pieces) -> str:
        first, last = pieces.items[0], pieces.items[-1]
        return self.row(pieces, first.start, last.end)

    def node(self, node: Node) -> str:
        match node.kind:
            case "binary":
                return self._binary(node)
            case "case":
                return self._chosen(node, range(int(node.to)))
            case "call":
                return self._call(node)
            case "cast":
                return self._cast(node)
        return self.spliced(node)

    def spliced(self, node: Node, changed: dict[int, str] | None = None) -> str:
        """Return the text of a node with what it holds written anew."""
        text, at, written = self._scope.text, node.start, []
        order = sorted(
            range(len(node.pieces)),
            key=lambda n: node.pieces[n].items[0].start if node.pieces[n].items else 0,
        )
        for number in order:
            pieces = node.pieces[number]
            if not pieces.items:
                continue
            start, end = pieces.items[0].start, pieces.items[-1].end
            in_suffix = node.kind == "call" and number >= int(node.to)
            own = self._keyed(pieces) if in_suffix else self.pieces(pieces)
            written += [text[at:start], (changed or {}).get(number) or own]
            at = end
        return "".join([*written, text[at : node.end]])

    def _binary(self, node: Node) -> str:
        scope = self._scope
        left, right = (scope.type_of_pieces(side) for side in node.pieces)
        if node.name not in {"+", "-", "*", "/", "%"}:
            return self.spliced(node)
        first, second = (self.pieces(side) for side in node.pieces)
        if left in WHOLE and right in WHOLE:
            return self._of_whole(node, first, second, str(types.common([left, right])))
        if (is_decimal(left) or is_decimal(right)) and not {left, right} & set(FRACTIONS):
            digits = scope.digits(node)
            if digits is None and node.name == "/":
                raise Different(
                    f"the digits of {scope.source(node)} cannot be told, and this engine divides decimals to others; "
                    "cast both sides to decimal(p,s)"
                )
            return self.spliced(node) if digits is None else self._of_decimals(node, digits, first, second)
        if "float" in (left, right) and left != right:
            return f"({_as(first, 'double')} {node.name} {_as(second, 'double')})"
        if node.name == "-" and left == right == "date":
            raise Different(f"{scope.source(node)} is an interval on Spark and a number here; use datediff")
        if node.name in "+-*" and all(kind is None or kind in WHOLE for kind in (left, right)):
            unknown = node.pieces[0 if left is None else 1]
            shown = scope.text[unknown.items[0].start : unknown.items[-1].end]
            raise Different(
                f"the type of {shown} cannot be told, and this engine lets whole numbers overflow; write "
                f"cast({shown} as …)"
            )
        return self.spliced(node)

    def _of_whole(self, node: Node, left: str, right: str, kind: str) -> str:
        if node.name == "/":
            return self._divided(node, left, right)
        if node.name == "%":
            return f"({left} % {right})"
        wide = "bigint" if kind != "bigint" else f"decimal({19 if node.name == '*' else 20},0)"
        return self._back(node, f"({_as(left, wide)} {node.name} {_as(right, wide)})", wide, kind)

    def _back(self, node: Node, value: str, wide: str, kind: str) -> str:
        """Return a whole number counted in a wider type as what it is; one that does not fit is an error."""
        narrow = _as(value, kind)
        if node is not self._compared:
            return narrow
        least, most = -(1 << _BITS[kind] - 1), (1 << _BITS[kind] - 1) - 1
        limits = f"CAST('{least}' AS {wide}) AND CAST('{most}' AS {wide})"
        return f"CASE WHEN {value} NOT BETWEEN {limits} THEN raise_error('overflow: no {kind}') ELSE {narrow} END"

    def _divided(self, node: Node, left: str, right: str) -> str:
        """Return a quotient that is null where the dividend is, whatever it is divided by."""
        if node.pieces[0].only is not None and node.pieces[0].only.kind == "number":
            return f"({left} / {right})"
        return f"CASE WHEN ({left}) IS NOT NULL THEN ({left}) / ({right}) END"

    def _of_decimals(self, node: Node, digits: tuple[Digits, Digits], left: str, right: str) -> str:
        result = types.arithmetic(node.name, *digits)
        sides = [
            _as(text, str(of)) if _is_written(side) else text
            for text, of, side in zip((left, right), digits, node.pieces, strict=True)
        ]
        if node.name == "/":
            return self._quotient(node, sides[0], sides[1], digits[0], result)
        value = f"({sides[0]} {node.name} {sides[1]})"
        return self._within(_as(value, str(result)), result)

    def _quotient(self, node: Node, left: str, right: str, of: Digits, result: Digits) -> str:
        """Return a quotient with one digit more than the result has, so that it is rounded and not cut.

        Where a dividend may have too many digits for that, the further ones are tried.
        """
        wanted = result.scale + 1 - _QUOTIENT_DIGITS
        room = _ALL_DIGITS - of.precision + of.scale
        plain = min(wanted, room)
        sure = _as(left, str(Digits(_ALL_DIGITS, plain))) if plain > of.scale else left
        quotient = _as(self._divided(node, sure, right), str(result))
        if wanted <= max(room, of.scale):
            return quotient
        tried = f"try_cast({left} AS {Digits(_ALL_DIGITS, wanted)})"
        return f"coalesce({_as(self._divided(node, tried, right), str(result))}, {quotient})"

    def _within(self, value: str, digits: Digits, or_else: str = "false") -> str:
        """Return a decimal that must not have more than 38 digits: the engine keeps a 39th."""
        if digits.precision < _ALL_DIGITS:
            return value
        most = "9" * (_ALL_DIGITS - digits.scale) + ("." + "9" * digits.scale if digits.scale else "")
        limits = f"CAST('-{most}' AS {digits}) AND CAST('{most}' AS {digits})"
        message = f"overflow: more than {_ALL_DIGITS} digits"
        return f"CASE WHEN {value} NOT BETWEEN {limits} OR {or_else} THEN raise_error('{message}') ELSE {value} END"

    def _chosen(self, node: Node, branches: range) -> str:
        """Return a choice among values that all have the type of the whole."""
        kinds = {number: self._scope.type_of_pieces(node.pieces[number]) for number in branches}
        kind = types.common(list(kinds.values()))
        if kind is None:
            differing.one_kind(self, node, [node.pieces[number] for number in branches])
            return self.spliced(node)
        return self.spliced(
            node,
            {
                number: _as(self.pieces(node.pieces[number]), kind)
                for number, own in kinds.items()
                if own != kind and own != "void"
            },
        )

    def _cast(self, node: Node) -> str:
        kind = self._scope.type_of_pieces(node.pieces[0])
        target = self._scope.type_of(node) or ""
        only = node.pieces[0].only
        if only is not None and only.name == "get_json_object" and target != "string":
            # Only the text of numbers differs.
            return self.spliced(node, {0: self.spliced(only)})
        value = self.pieces(node.pieces[0])
        if kind == "string" and is_decimal(target):
            has_exponent = f"{value} RLIKE '^[ ]*[+-]?[0-9.]+[eE][+-]?[0-9]+[ ]*$'"
            plain = f"{node.name}({value} AS {target})"
            return (
                f"CASE WHEN {has_exponent} THEN CAST(try_cast({value} AS double) AS {target}) ELSE {plain} END"
                if node.name == "cast"
                else f"CASE WHEN {has_exponent} THEN try_cast(try_cast({value} AS double) AS {target}) ELSE {plain} END"
            )
        if target == "string" and kind is not None and (kind in FRACTIONS or "<" in kind):
            raise Different(
                f"{self._scope.source(node)}: this engine writes {kind} as text in another way; cast it "
                "to decimal(p,s) before, or write its parts"
            )
        if target == "binary":
            differing.as_bytes(self, node, kind)
        if kind == "timestamp" and target in {"int", "bigint"}:
            return _as(f"floor(unix_micros({value}) / 1000000)", target)
        return self.spliced(node)

    def _call(self, node: Node) -> str:
        name, scope = node.name, self._scope
        arguments = node.pieces[: int(node.to)]
        if name in REFUSED:
            raise Different(f"{name} gives another result on this engine; {REFUSED[name]}")
        if any("->" in argument.words() for argument in arguments):
            inner, _ = scope.inside(arguments)
            return _Writer(inner).spliced(node)
        if name in _CHOOSING:
            return self._chosen(node, range(_CHOOSING[name], len(arguments)))
        if name in _PATTERN_OF and len(arguments) > 1:
            return self._with_pattern(node, arguments[1].only)
        if name in _BACK_TO:
            return _as(self.spliced(node), _BACK_TO[name])
        written = _FUNCTIONS[name](self, node, arguments) if name in _FUNCTIONS and arguments else None
        return self.spliced(node) if written is None else written

    def _with_pattern(self, node: Node, pattern: Node | None) -> str:
        if node.name == "split" and pattern is not None and self._scope.source(pattern) in ("''", '""'):
            raise Different(
                "split by an empty text gives further empty texts on this engine; use a separator"
            )
        changed = {}
        if (
            node.name == "regexp_replace"
            and pattern is not None
            and self._scope.source(pattern) in ("''", '""')
        ):
            raise Different(
                "regexp_replace of an empty text parts characters on Spark; give a pattern that is not empty"
            )
        if pattern is not None and pattern.kind == "string":
            changed[1] = ascii_classes(self._scope.source(pattern))
        if node.name == "regexp_replace" and len(node.pieces) > 2:
            changed |= self._put_in(node.pieces[2], pattern)
        text = self.spliced(node, changed)
        return _as(text, "int") if node.name == "regexp_count" else text

    def _put_in(self, pieces: Pieces, pattern: Node | None) -> dict[int, str]:
        """Return the changed text that ``regexp_replace`` puts in for what was found, its third argument."""
        only = pieces.only
        if only is not None and only.kind == "string":
            is_known = pattern is not None and pattern.kind == "string"
            known = self._scope.source(pattern) if pattern is not None and is_known else None
            return {2: of_calls.with_marked_groups(self._scope.source(only), known)}
        return {2: of_calls.guarded_groups(self.pieces(pieces))}

    def suffix(self, node: Node) -> str:
        """Return FILTER and OVER of a call."""
        if node.suffix is None:
            return ""
        text, at, written = self._scope.text, node.suffix, []
        for pieces in node.pieces[int(node.to) :]:
            if pieces.items:
                start, end = pieces.items[0].start, pieces.items[-1].end
                written += [text[at:start], self._keyed(pieces)]
                at = end
        return " " + "".join([*written, text[at : node.end]])

    def _keyed(self, pieces: Pieces) -> str:
        """Return what stands in the brackets of FILTER and OVER; -0.0 and 0.0 are one key and one place."""
        text, at, written, before = self._scope.text, pieces.items[0].start, [], ""
        for number, item in enumerate(pieces.items):
            if isinstance(item, Node):
                own = self._in_place(pieces.items, number, item)
                kind = self._scope.type_of(item) if before in {"by", ","} else None
                written += [
                    text[at : item.start],
                    f"({own} + CAST(0 AS {kind}))" if kind in FRACTIONS else own,
                ]
                at = item.end
            before = item.word if isinstance(item, Token) else ""
        return "".join([*written, text[at : pieces.items[-1].end]])

    def total(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        kind = self._scope.type_of_pieces(arguments[0])
        if kind is None:
            shown = self._scope.source(node)
            raise Different(
                f"the type of what {shown} adds up cannot be told, and this engine lets whole numbers overflow; cast it"
            )
        if kind == "bigint":
            inner = self._each(arguments[0], "decimal(38,0)")
            return self._back(node, f"{node.name}({inner}){self.suffix(node)}", "decimal(38,0)", "bigint")
        digits = digits_of(kind)
        result = None if digits is None or not is_decimal(kind) else types.total(digits)
        if result is None or result.precision < _ALL_DIGITS:
            return None
        # Beyond 38 digits the engine's own numbers wrap around as well; doubles do not.
        # The addend tells the two sums apart: the engine takes no two aggregates that differ in casts alone.
        roughly = f"{node.name}({self._each(arguments[0], 'double')} + 0D){self.suffix(node)}"
        return self._within(self.spliced(node), result, f"abs({roughly}) > 1.5e{_ALL_DIGITS - result.scale}")

    def average(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        kind = self._scope.type_of_pieces(arguments[0])
        digits = digits_of(kind) if kind is not None and is_decimal(kind) else None
        if digits is None:
            return None
        result, suffix, value = types.average(digits), self.suffix(node), self.pieces(arguments[0])
        wanted = result.scale + 1 - _QUOTIENT_DIGITS
        scale = min(wanted, _ALL_DIGITS - digits.precision + digits.scale)
        total, count = f"sum({value}){suffix}", f"CAST(nullif(count({value}){suffix}, 0) AS decimal(20,0))"
        sums = _as(total, str(Digits(_ALL_DIGITS, max(scale, digits.scale))))
        mean = _as(f"({sums} / {count})", str(result))
        if wanted <= max(scale, digits.scale):
            return mean
        tried = f"try_cast({total} AS {Digits(_ALL_DIGITS, wanted)})"
        return f"coalesce({_as(f'({tried} / {count})', str(result))}, {mean})"

    def counted(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        """Return a count of different values in which -0.0 and 0.0 are one."""
        first = arguments[0].items[0] if arguments[0].items else None
        kinds = [self._scope.type_of_pieces(argument) for argument in arguments]
        if not (isinstance(first, Token) and first.word == "distinct") or not set(kinds) & set(FRACTIONS):
            return None
        values = [self.pieces(Pieces(arguments[0].items[1:])), *map(self.pieces, arguments[1:])]
        plain = (
            f"({value} + CAST(0 AS {kind}))" if kind in FRACTIONS else value
            for value, kind in zip(values, kinds, strict=True)
        )
        return f"{node.name}(DISTINCT {', '.join(plain)}){self.suffix(node)}"

    def extreme(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        """Return the least or greatest of doubles, NaN being the greatest; the engine overlooks infinities and NaN."""
        kind = self._scope.type_of_pieces(arguments[0])
        if kind not in FRACTIONS:
            return None
        value, suffix = self.pieces(arguments[0]), self.suffix(node)
        special = ["-Infinity", "", "Infinity", "NaN"]
        cases = []
        for text in special if node.name == "min" else reversed(special):
            this = f"CAST('{text}' AS {kind})"
            met = f"isnan({value})" if text == "NaN" else f"{value} = {this}"
            if text:
                cases.append(f"WHEN count(CASE WHEN {met} THEN 1 END){suffix} > 0 THEN {this}")
            else:
                plain = f"CASE WHEN NOT isnan({value}) AND abs({value}) < CAST('Infinity' AS {kind}) THEN {value} END"
                cases.append(f"WHEN count({plain}){suffix} > 0 THEN {node.name}({plain}){suffix}")
        return f"CASE {' '.join(cases)} END"

    def rounded(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        kind, places = self._scope.type_of_pieces(arguments[0]), literal_places(arguments)
        if kind == "float":
            further = "".join(f", {self.pieces(argument)}" for argument in arguments[1:])
            return _as(f"{node.name}({_as(self.pieces(arguments[0]), 'double')}{further})", kind)
        digits = digits_of(kind) if kind is not None and is_decimal(kind) else None
        if digits is None or places is None:
            return None
        return _as(self.spliced(node), str(types.rounded(digits, places)))

    def first_kept(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        kind = self._scope.type_of_pieces(arguments[0])
        if kind in FRACTIONS and len(arguments) == 2:
            # By comparing, which takes -0.0 for 0.0.
            first, other = (self.pieces(argument) for argument in arguments)
            return f"CASE WHEN ({first}) = ({other}) THEN CAST(NULL AS {kind}) ELSE {first} END"
        return _as(self.spliced(node), kind) if kind is not None and digits_of(kind) is not None else None

    def weekday(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        return f"((dayofweek({self.pieces(arguments[0])}) + 5) % 7)"

    def is_nan(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        return f"coalesce({self.spliced(node)}, false)"

    def holds(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        found = self.spliced(node)
        array = self.pieces(arguments[0])
        return f"CASE WHEN {found} OR NOT exists({array}, _lf_e -> _lf_e IS NULL) THEN {found} END"

    def seconds(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        kind = self._scope.type_of_pieces(arguments[0])
        if kind in WHOLE:
            return None
        return f"timestamp_micros(CAST(({self.pieces(arguments[0])}) * 1000000 AS bigint))"

    def from_json(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        schema = self._scope.source(arguments[1].only) if len(arguments) > 1 and arguments[1].only else ""
        if re.search(r"(?i)\b(tinyint|byte|smallint|short|int|integer|bigint|long)\b", schema):
            raise Different(
                "from_json lets whole numbers overflow on this engine; read them as string and cast them after"
            )
        return None

    def extracted(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        items = arguments[0].items
        differing.known_field(items[0])
        if isinstance(items[0], Node) and items[0].name in {"dow", "dayofweek"} and len(items) > 2:
            return f"dayofweek({self.pieces(Pieces(items[2:]))})"
        return None

    def part(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        field = arguments[0].only
        if (
            field is not None
            and field.name.strip("'\"").lower() in {"dow", "dayofweek"}
            and len(arguments) > 1
        ):
            return f"dayofweek({self.pieces(arguments[1])})"
        return None

    def hashed(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        plain = {*WHOLE, "string", "boolean", "date", "timestamp"}
        if any(self._scope.type_of_pieces(argument) not in plain for argument in arguments):
            raise Different(
                f"{self._scope.source(node)}: this engine hashes fractions and nested values in another way; use "
                "sha2 of a text, or the step surrogate_key"
            )
        return None

    def joined(self, node: Node, arguments: Sequence[Pieces]) -> str | None:
        for argument in arguments:
            kind = self._scope.type_of_pieces(argument)
            if kind in FRACTIONS:
                raise Different(
                    f"{self._scope.source(node)}: this engine writes {kind} as text in another way; cast it to "
                    "decimal(p,s) before"
                )
        return None

    def _each(self, pieces: Pieces, kind: str) -> str:
        """Return the argument of an aggregate cast to a type, DISTINCT in front of it or not."""
        first = pieces.items[0]
        if isinstance(first, Token) and first.word in {"distinct", "all"}:
            return f"{first.text} {_as(self.pieces(Pieces(pieces.items[1:])), kind)}"
        return _as(self.pieces(pieces), kind)


_FUNCTIONS = {
    "sum": _Writer.total,
    "avg": _Writer.average,
    "mean": _Writer.average,
    "try_avg": _Writer.average,
    "count": _Writer.counted,
    "min": _Writer.extreme,
    "max": _Writer.extreme,
    "round": _Writer.rounded,
    "nullif": _Writer.first_kept,
    "weekday": _Writer.weekday,
    "isnan": _Writer.is_nan,
    "array_contains": _Writer.holds,
    "timestamp_seconds": _Writer.seconds,
    "extract": _Writer.extracted,
    "left": of_calls.leftmost,
    "right": of_calls.rightmost,
    "substring": of_calls.part_of_text,
    "substr": of_calls.part_of_text,
    "slice": of_calls.part_of_array,
    "to_json": of_calls.as_json,
    "format_number": differing.formatted,
    "from_json": _Writer.from_json,
    "date_part": _Writer.part,
    "datepart": _Writer.part,
    "hash": _Writer.hashed,
    "xxhash64": _Writer.hashed,
    "array": differing.array,
    "nvl2": differing.if_there,
    "pmod": differing.remainder,
    "mod": differing.remainder,
    "datediff": differing.difference,
    "date_diff": differing.difference,
    "timestampdiff": differing.difference,
    "unix_seconds": differing.since_1970,
    "format_string": differing.printed,
    "printf": differing.printed,
    "bround": differing.even,
    "ceil": differing.to_places,
    "ceiling": differing.to_places,
    "floor": differing.to_places,
    "stack": differing.stacked,
    "concat": _Writer.joined,
    "concat_ws": _Writer.joined,
}


def ascii_classes(pattern: str) -> str:
    r"""Return a regular expression, or its SQL text, with ``\w``, ``\d`` and ``\s`` spelt out.

    They are ASCII for Java and Unicode for Rust.
    """
    differing.same_pattern(pattern)
    spelt = {"w": "A-Za-z0-9_", "d": "0-9", "s": r" \t\n\x0B\f\r"}
    if pattern[:1] in "'\"":
        spelt["s"] = r" \\t\\n\\x0B\\f\\r"
    slash = r"\\\\" if pattern[:1] in "'\"" else r"\\"
    inside = False
    written, at = [], 0
    for match in re.finditer(
        rf"(?P<class>{slash}(?P<letter>[wdsWDS]))|{slash}.|(?P<bracket>[\[\]])", pattern
    ):
        written.append(pattern[at : match.start()])
        at = match.end()
        letter = match["letter"]
        if match["bracket"]:
            inside = match["bracket"] == "["
        if letter is None or (letter.isupper() and inside):
            written.append(match[0])
        elif inside:
            written.append(spelt[letter])
        else:
            written.append(f"[{'^' if letter.isupper() else ''}{spelt[letter.lower()]}]")
    return "".join([*written, pattern[at:]])


def _as(text: str, kind: str) -> str:
    return f"CAST({text} AS {kind})"


def _is_compared(items: Sequence[Node | Token], number: int) -> bool:
    """Return whether a piece of a row is an operand of a comparison."""
    beside = [items[at] for at in (number - 1, number + 1) if 0 <= at < len(items)]
    return any(isinstance(item, Token) and item.word in _COMPARISONS for item in beside)


def _compared_with(items: Sequence[Node | Token], number: int) -> list[Node]:
    """Return the other operands of the comparison that a piece of a row is one of."""
    near = [items[at] for at in range(max(number - 4, 0), min(number + 5, len(items))) if at != number]
    beside = [items[at] for at in (number - 1, number + 1) if 0 <= at < len(items)]
    if any(isinstance(item, Token) and item.word in {"between", "and", "not"} for item in beside):
        words = [item.word if isinstance(item, Token) else "" for item in near]
        if "between" in words:
            return [item for item in near if isinstance(item, Node)]
    found = []
    for token, other in ((number - 1, number - 2), (number + 1, number + 2)):
        if 0 <= other < len(items) and token >= 0:
            sign, node = items[token], items[other]
            if isinstance(sign, Token) and sign.word in _EQUALITIES and isinstance(node, Node):
                found.append(node)
    return found


def _tested(items: Sequence[Node | Token], number: int) -> Node | Token:
    """Return what stands before IN or NOT IN, whose list is piece ``number``."""
    before = items[number - 2]
    is_negated = isinstance(before, Token) and before.word == "not" and number > 2
    return items[number - 3] if is_negated else before


def _is_written(pieces: Pieces) -> bool:
    return pieces.only is not None and pieces.only.kind == "number" and pieces.only.name.isdigit()
