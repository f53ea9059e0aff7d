"""The copy plan executed by this machine, where there is no Data Factory: rows into Parquet, Parquet into landing.

A file is uploaded whole or not at all, under the name that the plan gives it. What dies before leaves nothing, and what
is repeated writes the same name or a later end of the same copy.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from landfall.copying.arrow import arrow_schema, to_batch
from landfall.copying.names import NOTHING_NEW, UPTO, encoded, is_value
from landfall.copying.plan import CopyItem
from landfall.copying.queries import TableQueries, find_column
from landfall.copying.source import SourceDatabase
from landfall.errors import LandfallError
from landfall.spec.copying import Copy, Engine, watermark_kind
from landfall.spec.model import Dataset, Product, SourceType

Upload = Callable[[str, Path], str]
"""Puts a local file at a path of the landing container and returns its entity tag."""


class CopiedElsewhere(LandfallError):
    """A source that only Data Factory copies."""

    code = "LF4306"

    def __init__(self, source: str, kind: SourceType) -> None:
        super().__init__(
            f"source {source!r} is of type {kind}, which Data Factory copies; this command copies databases. Use "
            "`landfall land` for its files."
        )
        self.source = source


class NoWatermark(LandfallError):
    """A source gave something as the end of a copy that is no value of its watermark."""

    code = "LF4307"

    def __init__(self, dataset: str, column: str, text: str, declared: str) -> None:
        super().__init__(
            f"{dataset}: the greatest {column!r} is {text[:60]!r}, which is no {declared}. Declare the column with "
            "the type that it has at the source, or name another watermark."
        )
        self.dataset = dataset


class Progress(Protocol):
    """Is told of the rows of a dataset that were read so far."""

    def __call__(self, dataset: str, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one item of a plan.

    Attributes:
        rows: Rows in the file; ``None`` if none was written since nothing is new.
        path: Of the file, in the landing container.
    """

    dataset: str
    mode: str
    rows: int | None = None
    path: str | None = None
    etag: str | None = None
    size_bytes: int | None = None
    watermark_from: str | None = None
    watermark_to: str | None = None


def check_copied_here(product: Product, items: Sequence[CopyItem]) -> None:
    """Raise ``CopiedElsewhere`` if one of the items is not copied by this machine."""
    types = {source.name: source.type for source in product.sources}
    for item in items:
        if types[item.source] is not SourceType.DATABASE:
            raise CopiedElsewhere(item.source, types[item.source])


def copy_item(
    product: Product, item: CopyItem, source: SourceDatabase, upload: Upload, *, progress: Progress
) -> Copied:
    """Copy one item of a plan, and return what was written.

    Raises:
        SourceUnreachable: The source does not answer or denies access.
        SourceRefused: It does not run a statement.
        NoWatermark: Where the copy ends cannot be told.
        ValueDoesNotFit: A value is none of its column's declared type.
        TypeNotCopied: A column is declared with a type that is not copied.
    """
    dataset = next(one for one in product.datasets if one.name == item.dataset)
    declared = next(one for one in product.sources if one.name == item.source)
    copying = _TableCopy(dataset, item, source, declared.engine or source.kind)
    upto = copying.upto()
    if item.mode == "incremental" and (upto is None or upto == item.watermark_from):
        return Copied(item.dataset, item.mode, watermark_from=item.watermark_from or None)
    path = f"{item.folder}/{item.file.replace(UPTO, encoded(upto or ''))}"
    with tempfile.TemporaryDirectory(prefix="landfall-copy-") as folder:
        file = Path(folder) / "rows.parquet"
        rows = copying.write(file, upto, lambda read: progress(item.dataset, read))
        etag = upload(path, file)
        size_bytes = file.stat().st_size
    return Copied(
        dataset=item.dataset,
        mode=item.mode,
        rows=rows,
        path=path,
        etag=etag,
        size_bytes=size_bytes,
        watermark_from=item.watermark_from or None,
        watermark_to=upto,
    )


@dataclass(slots=True)
class _TableCopy:
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
        rows = 0
        with pq.ParquetWriter(file, schema, compression="snappy") as writer:
            for statement in self._statements(upto):
                for batch in self.source.batches(statement):
                    writer.write_batch(to_batch(batch, self.dataset.columns, schema))
                    rows += len(batch)
                    progress(rows)
        return rows

    def _statements(self, upto: str | None) -> Iterator[str]:
        """Yield the statements that read the rows, one for each partition; each holds its locks for a short time."""
        for part in self._parts(upto):
            yield self.queries.rows(after=self._after, upto=upto, part=part)

    def _parts(self, upto: str | None) -> Iterator[str | None]:
        parts = self._copy.partitions
        found: Sequence[Any] | None = None
        if parts is not None:
            found = self.source.row(self.queries.bounds_of_partitions(after=self._after, upto=upto))
        low, high = found if found is not None else (None, None)
        if parts is None or not isinstance(low, int) or not isinstance(high, int) or high - low < parts.count:
            yield None
            return
        width = (high - low) // parts.count + 1
        edges = [low + width * number for number in range(1, parts.count)]
        yield self.queries.partition(None, edges[0])
        for start, end in zip(edges, [*edges[1:], None], strict=True):
            yield self.queries.partition(start, end)
