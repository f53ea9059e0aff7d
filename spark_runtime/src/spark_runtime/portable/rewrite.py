"""Writes SQL so that an engine which counts in its own way gives the values and types of Spark.

Sail wraps whole numbers around, cuts decimals and takes the first type of a CASE for that of all its branches, all
without a word. Where the types of operands are known, the text says what Spark would do: wider arithmetic and a cast
back, which refuses what does not fit. Where a difference cannot be written away, it is refused.
"""

from collections.abc import Sequence

from spark_runtime.portable import arithmetic, casting, choosing, patterns, texts
from spark_runtime.portable.agreeing import MOMENTS, require_compared, require_numbers
from spark_runtime.portable.comparisons import compared_with, is_compared, tested
from spark_runtime.portable.functions import NUMERIC, REFUSED, TYPE_OF_RESULT, WALKING, WRITTEN_ANEW
from spark_runtime.portable.parse import Node, Pieces, Token, words_of
from spark_runtime.portable.scope import Scope
from spark_runtime.portable.types import FRACTIONS, WHOLE, is_decimal
from spark_runtime.portable.writer import Different, as_type, made
from spark_runtime.sql import comparable


def rewritten(pieces: Pieces, scope: Scope) -> str:
    """Return the text of the pieces of a whole text.

    Raises:
        Different: A difference cannot be written away.
    """
    return _Writer(scope).row(pieces, 0, len(scope.text))


class _Writer:
    def __init__(self, scope: Scope, *, in_function: bool = False) -> None:
        self._scope = scope
        # Whether the text is that of a function which walks over an array.
        self._in_function = in_function
        # Where arguments begin and end of which texts are made.
        self._texts: set[tuple[int, int]] = set()

    @property
    def scope(self) -> Scope:
        return self._scope

    def row(self, pieces: Pieces, start: int, end: int) -> str:
        """Return a stretch of the text with the arithmetic in it written anew."""
        if pieces.is_query:
            inner = _Writer(self._scope.of_query(pieces), in_function=self._in_function)
            return inner._stretch(pieces, start, end)
        return self._stretch(pieces, start, end)

    def _stretch(self, pieces: Pieces, start: int, end: int) -> str:
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
            return patterns.ascii_classes(self._scope.source(node))
        if word == "in" and node.kind == "brackets" and number > 1:
            return self._in_list(tested(items, number), node)
        if _is_matched(items, number):
            return texts.as_text(self, node, self.node(node))
        return self._beside(items, number, node) if is_compared(items, number) else self.node(node)

    def _beside(self, items: Sequence[Node | Token], number: int, node: Node) -> str:
        """Return an operand of a comparison; decimals beside doubles and floats beside others are compared so."""
        written, kind = self.node(node), self._scope.type_of(node)
        others = {self._scope.type_of(other) for other in compared_with(items, number)}
        require_compared(self, node, others)
        if kind == "string" and "boolean" in others:
            return casting.of_text("cast", written, "boolean")
        if kind == "date" and others & {*MOMENTS}:
            return made(as_type(written, "timestamp" if "timestamp" in others else "timestamp_ntz"))
        if kind in FRACTIONS and node.kind != "number":
            written = comparable(written, str(kind))
        if kind != "float" and kind not in WHOLE and not is_decimal(kind):
            return written
        if kind == "float":
            is_double = any(other in WHOLE or is_decimal(other) for other in others)
        else:
            is_double = "float" in others or (is_decimal(kind) and "double" in others)
        return as_type(written, "double") if is_double else written

    def _in_list(self, tested: Node | Token, node: Node) -> str:
        kind = self._scope.type_of(tested) if isinstance(tested, Node) else None
        written = self.node(node)
        if not node.pieces[0].is_query and isinstance(tested, Node):
            require_compared(self, tested, map(self._scope.type_of, node.pieces[0].nodes))
            if kind == "boolean":
                items = list(node.pieces[0].nodes)
                kinds = [self._scope.type_of(item) for item in items]
                values = [
                    casting.of_text("cast", self.node(item), "boolean") if of == "string" else self.node(item)
                    for item, of in zip(items, kinds, strict=True)
                ]
                return f"({', '.join(values)})"
        if kind not in FRACTIONS or node.pieces[0].is_query:
            return written
        items = list(node.pieces[0].nodes)
        if kind == "float" and any(self._scope.type_of(item) not in {"float", "void"} for item in items):
            kind = "double"  # Spark compares a float with other numbers so.
        values = [as_type(self.node(item), kind) for item in items]
        if any(map(_is_zero, items)):
            # Of a long list, or for a value that is no column, the engine takes only the zero whose sign is the same.
            values += [f"CAST('{zero}' AS {kind})" for zero in ("0.0", "-0.0")]
        return f"({', '.join(values)})"

    def pieces(self, pieces: Pieces) -> str:
        first, last = pieces.items[0], pieces.items[-1]
        written = self.row(pieces, first.start, last.end)
        return as_type(written, "string") if (first.start, last.end) in self._texts else written

    def node(self, node: Node) -> str:
        match node.kind:
            case "binary":
                return arithmetic.binary(self, node)
            case "case":
                choosing.require_cases(self, node)
                return choosing.chosen(self, node, range(int(node.to)))
            case "call":
                return self._call(node)
            case "cast":
                return casting.cast(self, node)
            case "minus":
                return arithmetic.signed(self, node)
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

    def _call(self, node: Node) -> str:
        name = node.name
        arguments = node.pieces[: int(node.to)]
        if name in REFUSED:
            raise Different(f"{name} gives another result on this engine; {REFUSED[name]}")
        self._texts |= {
            (arguments[place].items[0].start, arguments[place].items[-1].end)
            for place in texts.of_texts(self, node, arguments)
        }
        if name in NUMERIC:
            require_numbers(self, node, arguments)
        if any("->" in argument.words() for argument in arguments):
            inner, _ = self._scope.inside(arguments)
            return self._beside_files(_Writer(inner, in_function=True).spliced(node))
        if name in choosing.FIRST_CHOICE:
            return choosing.chosen(self, node, range(choosing.FIRST_CHOICE[name], len(arguments)))
        if name in patterns.TAKE_A_PATTERN and len(arguments) > 1:
            return patterns.with_pattern(self, node, arguments[1].only)
        if name in TYPE_OF_RESULT:
            return as_type(self.spliced(node), TYPE_OF_RESULT[name])
        written = WRITTEN_ANEW[name](self, node, arguments) if name in WRITTEN_ANEW and arguments else None
        if written is not None and name in WALKING:
            return self._beside_files(written)
        return self.spliced(node) if written is None else written

    def _beside_files(self, written: str) -> str:
        """Return a value that the engine does not compute while it reads files.

        A condition on columns of a table is moved to where its files are read, and there Sail does not find the columns
        that stand in a function with ``->``. What is by chance stays where it is.
        """
        return written if self._in_function else f"CASE WHEN rand() >= 0 THEN {written} END"

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
        """Return what stands in the brackets of FILTER and OVER; both zeros are one key and one place, as NaN is."""
        text, at, written, before = self._scope.text, pieces.items[0].start, [], ""
        for number, item in enumerate(pieces.items):
            if isinstance(item, Node):
                own = self._in_place(pieces.items, number, item)
                kind = self._scope.type_of(item) if before in {"by", ","} else None
                written += [text[at : item.start], comparable(own, kind or "")]
                at = item.end
            before = item.word if isinstance(item, Token) else ""
        return "".join([*written, text[at : pieces.items[-1].end]])


def _is_matched(items: Sequence[Node | Token], number: int) -> bool:
    """Return whether a piece of a row is held against a pattern."""
    words = words_of(items[number + 1 : number + 3])
    return next((word for word in words if word != "not"), "") in {"like", "ilike", "rlike", "regexp"}


def _is_zero(node: Node) -> bool:
    only = node.pieces[0].only if node.kind == "minus" else node
    return only is not None and only.kind == "number" and not only.name.strip("0.DdFfLlSsYyBb")
