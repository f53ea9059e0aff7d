"""The statements of one copy: how far its watermark goes now, and the rows up to there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import parse_one

from landfall.copying.dialects import DIALECTS, Dialect
from landfall.copying.names import NOTHING_NEW
from landfall.copying.ranges import Edge
from landfall.spec.copying import Copy, Engine, Watermark, WatermarkKind, watermark_kind
from landfall.spec.model import Column


@dataclass(frozen=True, slots=True)
class TableQueries:
    """Writes the statements that copy one table in the SQL of one engine.

    Attributes:
        copy: Of a table.
        columns: Columns of its dataset; of a source's others nothing is read.
        declared: The engine in whose SQL ``copy.filter`` is written.
        engine: The engine that runs the statements; a laptop's may be another one.
    """

    copy: Copy
    columns: Sequence[Column]
    declared: Engine
    engine: Engine

    def rows(self, *, after: str | None, upto: str | None, part: str | None = None) -> str:
        """Return the statement that reads the rows of a copy.

        Args:
            after: Watermark of the copy before, ``None`` if there is none: then rows without a value belong to it.
            upto: Watermark at which this copy ends, or the text that stands for it; ``None`` reads all.
            part: Condition that picks a partition.
        """
        names = ", ".join(map(self._selected, self.columns))
        conditions = [part, self._filter(), *self._between(after, upto)]
        return f"SELECT {names} FROM {self._table}" + _where(conditions)  # noqa: S608 - quoted names

    def upper_bound(self, *, after: str | None) -> str:
        """Return the statement whose only value, ``watermark_to``, is where the next copy ends.

        It is ``NOTHING_NEW`` if nothing is: of a null Data Factory's answers have no property.
        """
        mark, kind = self._watermark()
        column = self._dialect.quoted(mark.column)
        conditions = [self._filter(), *self._between(after, None)]
        if mark.delay_s and kind in self._dialect.ages:
            conditions.append(self._dialect.ages[kind].format(v=column, s=round(mark.delay_s)))
        if kind is WatermarkKind.ROWVERSION:
            # What is above belongs to transactions that are still open, and may appear below what was copied.
            conditions.append(f"{column} < MIN_ACTIVE_ROWVERSION()")
        text = self._dialect.texts[kind].format(v=f"MAX({column})")
        answer = f"COALESCE({text}, '{NOTHING_NEW}') AS {self._answer}"
        return f"SELECT {answer} FROM {self._table}" + _where(conditions)  # noqa: S608 - quoted names

    def anything(self) -> str:
        """Return a statement that answers as ``upper_bound`` does where there is always something to copy."""
        table = " FROM dual" if self.engine is Engine.ORACLE else ""
        return f"SELECT 'all' AS {self._answer}{table}"

    def bounds_of_partitions(self, *, after: str | None, upto: str | None) -> str:
        """Return the statement that reads the least and the greatest value of the partition column."""
        assert self.copy.partitions is not None  # noqa: S101  asked for where there are some
        column = self._dialect.quoted(self.copy.partitions.column)
        conditions = [self._filter(), *self._between(after, upto)]
        return f"SELECT MIN({column}), MAX({column}) FROM {self._table}" + _where(conditions)  # noqa: S608 - as above

    def partition(self, low: Edge | None, high: Edge | None) -> str:
        """Return the condition of the partition from ``low`` on and below ``high``; the first has the nulls too."""
        assert self.copy.partitions is not None  # noqa: S101  asked for where there are some
        column = self._dialect.quoted(self.copy.partitions.column)
        if low is None:
            return f"({column} < {self._edge(high)} OR {column} IS NULL)"
        return f"{column} >= {self._edge(low)}" + (
            "" if high is None else f" AND {column} < {self._edge(high)}"
        )

    def _edge(self, value: Edge | None) -> str:
        if isinstance(value, datetime):
            # Without its zone, since not every engine's literal has one: an edge says how even partitions are, no more.
            clock = (value if value.tzinfo is None else value.astimezone(UTC)).replace(tzinfo=None)
            return self._dialect.literals[WatermarkKind.LOCAL_TIME].format(
                v=clock.isoformat(timespec="microseconds")
            )
        return (
            str(value)
            if isinstance(value, int)
            else self._dialect.literals[WatermarkKind.DATE].format(v=value)
        )

    @property
    def _dialect(self) -> Dialect:
        return DIALECTS[self.engine]

    @property
    def _answer(self) -> str:
        # In quotes, since Oracle would write it in capitals.
        return self._dialect.quoted("watermark_to")

    @property
    def _table(self) -> str:
        assert self.copy.table is not None  # noqa: S101  only tables have queries
        return self._dialect.quoted_table(self.copy.table)

    def _selected(self, column: Column) -> str:
        name = self._dialect.quoted(name_at_source(column))
        if column.type != "string" or self._dialect.as_text is None:
            return name
        return f"{self._dialect.as_text.format(v=name)} AS {name}"

    def _filter(self) -> str | None:
        if self.copy.filter is None:
            return None
        if self.declared.parser == self.engine.parser:
            return f"({self.copy.filter})"
        parsed = parse_one(self.copy.filter, read=self.declared.parser)
        return f"({parsed.sql(self.engine.parser)})"

    def _between(self, after: str | None, upto: str | None) -> list[str]:
        if self.copy.watermark is None:
            return []
        mark, kind = self._watermark()
        column, literal = self._dialect.quoted(mark.column), self._dialect.literals[kind]
        conditions = [] if after is None else [f"{column} > {literal.format(v=after)}"]
        if upto is not None:
            end = f"{column} <= {literal.format(v=upto)}"
            conditions.append(f"({end} OR {column} IS NULL)" if after is None else end)
        return conditions

    def _watermark(self) -> tuple[Watermark, WatermarkKind]:
        assert self.copy.watermark is not None  # noqa: S101  asked for where there is one
        column = find_column(self.columns, self.copy.watermark.column)
        kind = watermark_kind(column.type) if column is not None else None
        assert kind is not None  # noqa: S101  validation found it
        return self.copy.watermark, kind


def name_at_source(column: Column) -> str:
    """Return what the source calls a column."""
    return column.source_name or column.name


def find_column(columns: Sequence[Column], name: str) -> Column | None:
    """Return the column that a source calls so; the case is not told apart."""
    return next((column for column in columns if name_at_source(column).lower() == name.lower()), None)


def _where(conditions: Sequence[str | None]) -> str:
    given = [condition for condition in conditions if condition]
    return f" WHERE {' AND '.join(given)}" if given else ""
