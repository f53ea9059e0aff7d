"""Which columns a query sees, and of which types: those of tables, of other queries, and of lateral views."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spark_runtime.portable.parse import Node, Pieces, Token, split, words_of
from spark_runtime.portable.types import element_of, fields_of, key_and_value

if TYPE_CHECKING:
    from spark_runtime.portable.scope import Scope

Columns = Mapping[str, str | None]
_SETS = frozenset({"union", "except", "intersect", "minus"})
# Words that end the list of tables of a query.
_ENDS = frozenset(
    {"select", "where", "group", "having", "order", "limit", "window", "on", "using", "offset", *_SETS}
)


@dataclass(slots=True)
class Seen:
    """What the names in a query can mean.

    Attributes:
        tables: Columns by the name of a table or of a query in WITH.
        sources: Columns by the name that a table has in this query; ``None`` where two selects of a set
            operation give one name to different tables.
    """

    tables: dict[str, Columns]
    sources: dict[str, Columns | None] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    def add(self, alias: str, columns: Columns) -> None:
        known = self.sources.get(alias, columns)
        self.sources[alias] = columns if known == columns else None
        for name, kind in columns.items():
            self.names[name] = kind if self.names.get(name, kind) == kind else None


def seen_by(pieces: Pieces, scope: "Scope") -> Seen:
    """Return what a query sees of its own, without what the queries around it see."""
    seen = Seen(dict(scope.tables))
    items = pieces.items
    words = words_of(items)
    start = words.index("select") if "select" in words else len(items)
    for at in range(1, start - 1):
        query, named = items[at + 1], items[at - 1]
        if words[at] == "as" and isinstance(query, Node) and isinstance(named, Node):
            outputs = _outputs(query, scope.with_tables(seen.tables))
            seen.tables[named.name] = _renamed(outputs, named)
    for at, source in _sources(items):
        if isinstance(source, Token):
            _add_lateral_view(items, at, seen, scope)
            continue
        name = _alias(items, at + 1)
        columns = _columns_of(source, seen, scope)
        seen.add(
            source.name if name is None else name.name, columns if name is None else _renamed(columns, name)
        )
    own = scope.with_names(seen.names)
    own.sources = {**scope.sources, **seen.sources}
    for column, kind in _selected(items, own):
        # A result may be named where a query groups and sorts; a column of that name comes first.
        seen.names.setdefault(column, kind)
    return seen


def outputs_of(pieces: Pieces, scope: "Scope") -> dict[str, str | None]:
    """Return the columns that a query yields, by name."""
    return dict(_selected(pieces.items, scope.of_query(pieces)))


def _outputs(node: Node, scope: "Scope") -> Columns:
    inner = node.pieces[0] if node.kind == "brackets" else None
    return outputs_of(inner, scope) if inner is not None and inner.is_query else {}


def _columns_of(source: Node, seen: Seen, scope: "Scope") -> Columns:
    if source.kind == "brackets":
        return _outputs(source, scope.with_tables(seen.tables))
    if source.kind == "call":
        return {"id": "bigint"} if source.name == "range" else {}
    # Without the tables by name, what all of them have is all that is known.
    return seen.tables.get(source.name, scope.base)


def _sources(items: Sequence[Node | Token]) -> Iterator[tuple[int, Node | Token]]:
    """Yield the tables of a query, and of a lateral view the word, each with its place."""
    inside = follows = False
    for at, item in enumerate(items):
        if isinstance(item, Node):
            if follows:
                yield at, item
            follows = False
        elif item.word == "lateral" and words_of(items[at + 1 : at + 2]) == ["view"]:
            yield at, item
            inside = follows = False
        elif item.word == "from":
            # The word also stands within IS DISTINCT FROM.
            is_clause = words_of(items[at - 1 : at]) != ["distinct"]
            inside, follows = inside or is_clause, is_clause
        elif item.word == "join":
            inside = follows = True
        elif item.word in _ENDS:
            inside = follows = False
        elif item.text == ",":
            follows = inside


def _alias(items: Sequence[Node | Token], at: int) -> Node | None:
    """Return the name that stands at a place, with or without AS."""
    if at < len(items) and isinstance(items[at], Token) and words_of(items[at : at + 1]) == ["as"]:
        at += 1
    found = items[at] if at < len(items) else None
    return found if isinstance(found, Node) and found.kind in {"name", "call"} else None


def _renamed(columns: Columns, name: Node) -> Columns:
    """Return columns under the names that stand behind a table's own, as in ``t (a, b)``."""
    if name.kind != "call":
        return columns
    names = [piece.only.name for piece in name.pieces if piece.only is not None]
    kinds = [*columns.values(), *[None] * len(names)]
    return dict(zip(names, kinds, strict=False))


def _add_lateral_view(items: Sequence[Node | Token], at: int, seen: Seen, scope: "Scope") -> None:
    at += 3 if words_of(items[at + 2 : at + 3]) == ["outer"] else 2
    generator = items[at] if at < len(items) else None
    if not isinstance(generator, Node) or generator.kind != "call" or not generator.pieces:
        return
    table = _alias(items, at + 1)
    rest = items[at + 2 :] if table is not None else items[at + 1 :]
    names = []
    for item in rest if words_of(rest[:1]) == ["as"] else ():
        if isinstance(item, Node):
            names.append(item.name)
        elif item.word not in {"as", ","}:
            break
    kind = scope.with_names(seen.names).type_of_pieces(generator.pieces[0])
    made = _generated(generator.name.removesuffix("_outer"), kind)
    columns = dict(zip(names, [*made.values(), *[None] * len(names)], strict=False)) if names else made
    seen.add("" if table is None else table.name, columns)


def _generated(function: str, kind: str | None) -> dict[str, str | None]:
    places: dict[str, str | None] = {"pos": "int"} if function == "posexplode" else {}
    if function == "inline":
        element = element_of(kind)
        return dict(fields_of(element)) if element is not None and element.startswith("struct<") else {}
    if function not in {"explode", "posexplode"}:
        return {}
    if kind is not None and kind.startswith("map<"):
        key, value = key_and_value(kind)
        return {**places, "key": key, "value": value}
    return {**places, "col": element_of(kind)}


def _selected(items: Sequence[Node | Token], scope: "Scope") -> Iterator[tuple[str, str | None]]:
    """Yield the columns of a query with their types; ``None`` where the selects of a set operation do not agree."""
    selects = [_columns(select, scope) for select in selected(items)]
    for at, (name, kind) in enumerate(selects[0] if selects else ()):
        kinds = {other[at][1] for other in selects if at < len(other)}
        yield name, kind if len(kinds) == 1 else None


def selected(items: Sequence[Node | Token]) -> Iterator[list[Pieces]]:
    """Yield what each select of a query lists, names included."""
    words = words_of(items)
    for at, word in enumerate(words):
        if word == "select":
            start = at + 2 if words[at + 1 : at + 2] in (["distinct"], ["all"]) else at + 1
            ends = (
                later
                for later in range(start, len(words))
                if words[later] in _SETS or (words[later] == "from" and words[later - 1] != "distinct")
            )
            yield split(Pieces(tuple(items[start : next(ends, len(words))])))


def unnamed(column: Pieces) -> Pieces:
    """Return a column of a select without its name."""
    words = column.words()
    if "as" in words:
        return Pieces(column.items[: words.index("as")])
    return Pieces(column.items[:-1]) if _is_named_without_as(column) else column


def _is_named_without_as(column: Pieces) -> bool:
    last = column.items[-2:]
    return (
        len(last) == 2
        and all(isinstance(item, Node) for item in last)
        and isinstance(last[1], Node)
        and last[1].kind == "name"
    )


def _columns(select: Sequence[Pieces], scope: "Scope") -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for column in select:
        words = column.words()
        last = column.items[-1] if column.items else None
        if words[-1:] == ["*"]:
            table = column.items[0]
            of_table = scope.sources.get(table.name) if isinstance(table, Node) else scope.own
            found += (of_table or {}).items()
        elif isinstance(last, Node) and last.kind in {"name", "field"}:
            found.append((last.name, scope.type_of_pieces(unnamed(column))))
        elif last is not None:
            found.append(("", scope.type_of_pieces(column)))
    return found
