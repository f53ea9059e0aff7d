"""Reads Spark SQL just far enough to see its arithmetic: what is added to what, which values a CASE chooses from.

Not a grammar of SQL. A text is a row of pieces: arithmetic is parsed into trees, everything between (clauses,
comparisons, commas) is kept as it stands. So an expression and a whole query are read the same way.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<string>[rRxX]?'(?:[^'\\]|\\.)*'|[rR]?"(?:[^"\\]|\\.)*")
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?:BD|bd|[LlSsYyDdFf])?(?!\w))
  | (?P<word>[^\W\d]\w*)
  | (?P<sign><=>|<>|!=|>=|<=|==|\|\||::|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLAUSES = """
select from where group by having order limit offset union all except intersect minus distinct as on using
join inner left right full outer cross semi anti natural lateral with recursive values asc desc nulls first last
and or not in is between like ilike rlike regexp escape exists then when else end over partition rows range
unbounded preceding following current row window filter ignore respect set grouping sets rollup cube any some both
leading trailing for placing tablesample view
"""
_BREAKS = frozenset(_CLAUSES.split())
# Words of clauses that are functions where a bracket follows.
_ALSO_FUNCTIONS = frozenset(
    {"left", "right", "first", "last", "any", "some", "grouping", "window", "like", "filter", "exists"}
)
_LOGIC = frozenset(
    {"and", "or", "not", "in", "is", "between", "like", "ilike", "rlike", "regexp", "exists"}
    | {"=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">="}
)
_UNITS = re.compile(r"(?i)(year|quarter|month|week|day|hour|minute|second|millisecond|microsecond)s?\Z")
_LEVELS = ({"|"}, {"^"}, {"&"}, {"+", "-", "||"}, {"*", "/", "%", "div"})


class Unreadable(Exception):
    """The text is not SQL that this module can read."""


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.text.lower()


@dataclass(frozen=True, slots=True)
class Node:
    """Arithmetic.

    Attributes:
        kind: ``number``, ``string``, ``typed`` (a literal with its type in front), ``name``, ``call``, ``cast``,
            ``case``, ``brackets``, ``binary``, ``minus``, ``item`` (of an array or map) or ``field``.
        name: What is called, the operator, or the last part of a name, lower case; the type of a literal.
        pieces: What it holds, in order: operands, arguments, branches. Behind the branches of a CASE stand its
            conditions, what they are compared with (if anything is) first.
        to: Type of a cast, as it is written; number of branches or arguments.
        suffix: Where ``FILTER`` or ``OVER`` of a call begin; ``None`` without them.
    """

    kind: str
    start: int
    end: int
    name: str = ""
    pieces: tuple["Pieces", ...] = ()
    to: str = ""
    suffix: int | None = None


@dataclass(frozen=True, slots=True)
class Pieces:
    """A row of arithmetic and of what stands between."""

    items: tuple[Node | Token, ...]
    end: int = field(default=0)

    @property
    def nodes(self) -> Iterator[Node]:
        return (item for item in self.items if isinstance(item, Node))

    @property
    def only(self) -> Node | None:
        """The node, if there is nothing else."""
        first = self.items[0] if len(self.items) == 1 else None
        return first if isinstance(first, Node) else None

    @property
    def is_logic(self) -> bool:
        return any(isinstance(item, Token) and item.word in _LOGIC for item in self.items)

    @property
    def is_query(self) -> bool:
        first = self.items[0] if self.items else None
        return isinstance(first, Token) and first.word in {"select", "with"}

    def words(self) -> list[str]:
        return words_of(self.items)


def words_of(items: Sequence[Node | Token]) -> list[str]:
    """Return the words between arithmetic; that of arithmetic is empty."""
    return [item.word if isinstance(item, Token) else "" for item in items]


def parse(text: str) -> Pieces:
    """Return the pieces of an expression, a list of them, or a query.

    Raises:
        Unreadable: Brackets or quotes do not match.
    """
    parser = _Parser(_tokens(text))
    pieces = parser.row(closing=frozenset())
    if not parser.is_done:
        raise Unreadable(f"unexpected {parser.here.text!r}")
    return pieces


def split(pieces: Pieces) -> list[Pieces]:
    """Return what stands between the commas."""
    parts: list[list[Node | Token]] = [[]]
    for item in pieces.items:
        if isinstance(item, Token) and item.text == ",":
            parts.append([])
        else:
            parts[-1].append(item)
    return [Pieces(tuple(part)) for part in parts]


def _tokens(text: str) -> list[Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "sign" and match[0] in "'\"`":
            raise Unreadable("a quote is not closed")
        if kind != "space":
            tokens.append(Token(kind, match[0], match.start(), match.end()))
    return tokens


class _Parser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._tokens)

    @property
    def here(self) -> Token:
        end = self._tokens[-1].end if self._tokens else 0
        return self._tokens[self._at] if not self.is_done else Token("end", "", end, end)

    def _ahead(self, by: int = 1) -> Token:
        at = self._at + by
        return self._tokens[at] if at < len(self._tokens) else Token("end", "", 0, 0)

    def _take(self) -> Token:
        token = self.here
        self._at += 1
        return token

    def _expect(self, text: str) -> Token:
        if self.here.word != text:
            raise Unreadable(f"{text!r} expected, not {self.here.text!r}")
        return self._take()

    def row(self, closing: frozenset[str]) -> Pieces:
        items: list[Node | Token] = []
        while not self.is_done and self.here.word not in closing:
            if self._starts_node():
                items.append(self._level(0))
            elif self.here.text in (")", "]"):
                raise Unreadable("a bracket is closed that was not opened")
            else:
                items.append(self._take())
        return Pieces(tuple(items), self.here.start)

    def _starts_node(self) -> bool:
        token = self.here
        if token.kind in {"number", "string", "quoted"} or token.text in ("(", "-", "+", "~"):
            return True
        if token.kind != "word":
            return False
        if token.word == "exists" and self._ahead(2).word in {"select", "with", "("}:
            return False
        return token.word not in _BREAKS or (token.word in _ALSO_FUNCTIONS and self._ahead().text == "(")

    def _level(self, at: int) -> Node:
        if at == len(_LEVELS):
            return self._unary()
        left = self._level(at + 1)
        while self.here.word in _LEVELS[at] and self._operand_follows():
            operator = self._take().word
            right = self._level(at + 1)
            left = Node("binary", left.start, right.end, operator, (Pieces((left,)), Pieces((right,))))
        return left

    def _operand_follows(self) -> bool:
        # Not so in count(*) and t.*.
        self._at += 1
        follows = self._starts_node()
        self._at -= 1
        return follows

    def _unary(self) -> Node:
        if self.here.text in ("-", "+", "~"):
            sign = self._take()
            if not self._starts_node():
                raise Unreadable(f"nothing follows {sign.text!r}")
            inner = self._unary()
            return Node("minus", sign.start, inner.end, sign.text, (Pieces((inner,)),))
        return self._postfix(self._primary())

    def _postfix(self, node: Node) -> Node:
        while True:
            if self.here.text == "[":
                self._take()
                index = self.row(frozenset({"]"}))
                node = Node("item", node.start, self._expect("]").end, "", (Pieces((node,)), index))
            elif self.here.text == "." and self._ahead().kind in {"word", "quoted"}:
                self._take()
                name = self._take()
                node = Node("field", node.start, name.end, _bare(name), (Pieces((node,)),))
            elif self.here.text == "::":
                self._take()
                start = self.here.start
                end = self._type_end()
                node = Node("cast", node.start, end, "cast", (Pieces((node,)),), self._text(start, end))
            else:
                return node

    def _type_end(self) -> int:
        end = self._take().end
        if self.here.text == "(":
            while self.here.text != ")" and not self.is_done:
                self._take()
            end = self._expect(")").end
        return end

    def _text(self, start: int, end: int) -> str:
        return "".join(token.text for token in self._tokens if token.start >= start and token.end <= end)

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in {"number", "string"}:
            return Node(token.kind, token.start, token.end, token.text)
        if token.text == "(":
            inner = self.row(frozenset({")"}))
            return Node("brackets", token.start, self._expect(")").end, "", (inner,))
        if token.kind == "word":
            special = self._special(token)
            if special is not None:
                return special
        return Node("name", token.start, token.end, _bare(token))

    def _special(self, token: Token) -> Node | None:
        following = self.here
        if token.word == "case":
            return self._case(token)
        if (
            token.word in {"date", "timestamp", "timestamp_ntz", "timestamp_ltz"}
            and following.kind == "string"
        ):
            return Node("typed", token.start, self._take().end, token.word)
        if (token.word == "interval" and following.kind in {"number", "string", "word"}) or (
            token.word == "interval" and following.text in ("(", "-")
        ):
            end = self._unary().end
            while _UNITS.match(self.here.text) or self.here.word == "to":
                end = self._take().end
            return Node("typed", token.start, end, "interval")
        if following.text == "(":
            return self._call(token)
        return None

    def _case(self, token: Token) -> Node:
        stops = frozenset({"when", "then", "else", "end"})
        operand = self.row(stops)
        branches: list[Pieces] = []
        conditions = [operand] if operand.items else []
        while self.here.word != "end":
            word = self._take().word
            if word not in stops:
                raise Unreadable("CASE without END")
            (branches if word in {"then", "else"} else conditions).append(self.row(stops))
        return Node(
            "case", token.start, self._take().end, "case", (*branches, *conditions), to=str(len(branches))
        )

    def _call(self, token: Token) -> Node:
        self._expect("(")
        inner = self.row(frozenset({")"}))
        end = self._expect(")").end
        if token.word in {"cast", "try_cast"}:
            return self._cast(token, inner, end)
        arguments = split(inner)
        suffix = None
        extra: list[Pieces] = []
        while self.here.word in {"filter", "over", "ignore", "respect"}:
            suffix = self.here.start if suffix is None else suffix
            word = self._take()
            if word.word in {"ignore", "respect"}:
                end = self._expect("nulls").end
            elif self.here.text == "(":
                self._take()
                extra.append(self.row(frozenset({")"})))
                end = self._expect(")").end
            else:
                end = self._take().end
        return Node(
            "call", token.start, end, token.word, (*arguments, *extra), to=str(len(arguments)), suffix=suffix
        )

    def _cast(self, token: Token, inner: Pieces, end: int) -> Node:
        at = max((at for at, word in enumerate(inner.words()) if word == "as"), default=-1)
        if at < 0:
            raise Unreadable("cast without AS")
        first, last = inner.items[at + 1], inner.items[-1]
        kind = self._text(first.start, last.end)
        return Node("cast", token.start, end, token.word, (Pieces(inner.items[:at]),), kind)


def _bare(token: Token) -> str:
    return (token.text[1:-1].replace("``", "`") if token.kind == "quoted" else token.text).casefold()
