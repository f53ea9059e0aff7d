"""What is known offline of a frame: the names of its columns and, where it is easy to tell, their types."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from landfall.spec.column_types import UNKNOWN_TYPE, UnknownTypeError, canonical_type
from landfall.spec.model import Column
from landfall.spec.sql_text import DIALECT

ColumnType = str | None
# What the runtime adds to the rows it takes in; steps may read them.
LOAD_COLUMNS = frozenset({"_source_file", "_ingested_at", "_run_id", "_warnings", "_corrections", "_rescued"})


@dataclass(frozen=True, slots=True)
class Frame:
    """The columns of a frame in order; names are found without regard to case, as Spark does.

    Attributes:
        types: Spark SQL type by column name, ``None`` where it is not known.
        has_load_columns: Whether the frame also holds ``LOAD_COLUMNS``. A ``*`` does not bring them along for sure.
    """

    types: Mapping[str, ColumnType]
    has_load_columns: bool = False
    _names: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", {name.casefold(): name for name in self.types})

    @classmethod
    def declared(cls, columns: Iterable[Column], *, has_load_columns: bool = False) -> "Frame":
        types = {column.name: None if column.type == UNKNOWN_TYPE else column.type for column in columns}
        return cls(types, has_load_columns)

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._names or (self.has_load_columns and name.casefold() in LOAD_COLUMNS)

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def find(self, name: str) -> str | None:
        """Return the spelling under which the frame holds a column, ``None`` if it does not."""
        return self._names.get(name.casefold(), name if name in self else None)

    def type_of(self, name: str) -> ColumnType:
        return self.types.get(self._names.get(name.casefold(), name))

    def without(self, names: Iterable[str]) -> "Frame":
        gone = {name.casefold() for name in names}
        kept = {name: kind for name, kind in self.types.items() if name.casefold() not in gone}
        return Frame(kept, self.has_load_columns)

    def with_columns(self, columns: Mapping[str, ColumnType]) -> "Frame":
        """Return the frame with columns replaced in place where their names exist, else appended."""
        replaced = {name.casefold(): kind for name, kind in columns.items()}
        merged = {name: replaced.get(name.casefold(), kind) for name, kind in self.types.items()}
        merged.update({name: kind for name, kind in columns.items() if name.casefold() not in self._names})
        return Frame(merged, self.has_load_columns)


def type_of_expression(tree: exp.Expr, frame: Frame | None) -> ColumnType:
    """Return the type of an expression where it follows without knowing every function, else ``None``."""
    node = tree.unalias() if isinstance(tree, exp.Alias) else tree
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Column) and len(node.parts) == 1:
        return frame.type_of(node.name) if frame is not None else None
    if isinstance(node, exp.Cast):
        return _cast_type(node)
    if isinstance(node, (exp.Count, exp.CountIf)):
        return "bigint"
    if isinstance(node, (exp.Min, exp.Max)) and not node.expressions:
        return type_of_expression(node.this, frame)
    if isinstance(node, exp.Literal) and node.is_string:
        return "string"
    if isinstance(node, (exp.Upper, exp.Lower, exp.Trim, exp.Concat)):
        return "string"
    if isinstance(node, (exp.Predicate, exp.Not, exp.And, exp.Or)):
        return "boolean"
    return None


def _cast_type(node: exp.Cast) -> ColumnType:
    try:
        return canonical_type(node.to.sql(DIALECT))
    except UnknownTypeError:
        return None
