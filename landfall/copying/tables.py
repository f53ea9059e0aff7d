"""The copy of one table: how far its watermark goes, the ranges that are read side by side, the rows as Parquet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from landfall.copying.arrow import arrow_schema, to_batch
from landfall.copying.names import NOTHING_NEW, is_value
from landfall.copying.plan import CopyItem
from landfall.copying.queries import TableQueries, find_column
from landfall.copying.ranges import edges_between
from landfall.copying.side_by_side import read_side_by_side
from landfall.copying.source import SourceDatabase
from landfall.errors import LandfallError
from landfall.spec.copying import Copy, Engine, watermark_kind
from landfall.spec.model import Dataset

READERS: Final = 4
"""Partitions read at the same time; each holds a batch, and as many wait to be written."""

_GROUP_ROWS: Final = 131_072
_GROUP_BYTES: Final = 32 * 1024 * 1024


class NoWatermark(LandfallError):
    """A source gave something as the end of a copy that is no value of its watermark."""

    code = "LF4307"

    def __init__(self, dataset: str, column: str, text: str, declared: str) -> None:
        super().__init__(
            f"{dataset}: the greatest {column!r} is {text[:60]!r}, which is no {declared}. Declare the column with "
            "the type that it has at the source, or name another watermark."
        )
        self.dataset = dataset


@dataclass(slots=True)
class TableCopy:
    """Copies one table."""

    dataset: Dataset
    item: CopyItem
    source: SourceDatabase
    declared: Engine
    queries: TableQueries = field(init=False)

    def __post_init__(self) -> None:
        self.queries = TableQueries(self._copy, self.dataset.columns, self.declared, self.source.kind)

    @property
    def _copy(self) -> Copy:
        assert self.dataset.copy is not None  # noqa: S101  only these are in a plan
        return self.dataset.copy

    @property
    def _after(self) -> str | None:
        return self.item.watermark_from or None

    def upto(self) -> str | None:
        """Return where the copy ends, ``None`` if nothing is new or the table is copied whole."""
        mark = self._copy.watermark
        if mark is None:
            return None
        found = self.source.value(self.queries.upper_bound(after=self._after))
        if found == NOTHING_NEW:
            return None
        column = find_column(self.dataset.columns, mark.column)
        kind = watermark_kind(column.type) if column is not None else None
        if column is None or kind is None or not is_value(str(found), kind):
            raise NoWatermark(self.dataset.name, mark.column, str(found), column.type if column else "")
        return str(found)

    def write(self, file: Path, upto: str | None, progress: Callable[[int], None]) -> int:
        """Write the rows of the copy into a Parquet file, batch by batch, and return how many there are."""
        schema = arrow_schema(self.dataset.columns)

        def read(statement: str) -> Iterator[pa.RecordBatch]:
            for values in self.source.batches(statement):
                yield to_batch(values, self.dataset.columns, schema)

        rows = 0
        with pq.ParquetWriter(file, schema, compression="snappy") as writer:
            statements = tuple(self._statements(upto))
            batches = read_side_by_side(statements, read, at_once=READERS)
            for group in _row_groups(batches, schema):
                writer.write_table(group, row_group_size=_GROUP_ROWS)
                rows += group.num_rows
                progress(rows)
        return rows

    def _statements(self, upto: str | None) -> Iterator[str]:
        """Yield the statements that read the rows, one for each partition; each holds its locks for a short time."""
        for part in self._parts(upto):
            yield self.queries.rows(after=self._after, upto=upto, part=part)

    def _parts(self, upto: str | None) -> Iterator[str | None]:
        edges = self._edges(upto)
        if not edges:
            yield None
            return
        yield self.queries.partition(None, edges[0])
        for start, end in zip(edges, [*edges[1:], None], strict=True):
            yield self.queries.partition(start, end)

    def _edges(self, upto: str | None) -> Sequence[int | date | datetime]:
        parts = self._copy.partitions
        if parts is None:
            return ()
        low, high = self.source.row(self.queries.bounds_of_partitions(after=self._after, upto=upto)) or (
            None,
            None,
        )
        return edges_between(low, high, parts.count)


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield batches put together: a group of a Parquet file for each batch would make it large and slow to read."""
    held: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size_bytes += batch.nbytes
        if rows >= _GROUP_ROWS or size_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, rows, size_bytes = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, schema)
