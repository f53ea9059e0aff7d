"""The copy plan executed by this machine, where there is no Data Factory: rows into Parquet, Parquet into landing.

A file is uploaded whole or not at all, under the name that the plan gives it. What dies before leaves nothing, and what
is repeated writes the same name or a later end of the same copy.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landfall.copying.names import UPTO, encoded
from landfall.copying.plan import CopyItem
from landfall.copying.source import SourceDatabase
from landfall.copying.tables import TableCopy
from landfall.errors import LandfallError
from landfall.spec.model import Product, SourceType

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
    copying = TableCopy(dataset, item, source, declared.engine or source.kind)
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
