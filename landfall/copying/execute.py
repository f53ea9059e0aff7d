"""The copy plan executed by this machine, where there is no Data Factory: rows into Parquet, Parquet into landing.

A file is uploaded whole or not at all, under the name that the plan gives it. What dies before leaves nothing, and what
is repeated writes the same name or a later end of the same copy.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landfall.copying.api import SourceApi
from landfall.copying.files import SourceFiles
from landfall.copying.names import UPTO, encoded
from landfall.copying.plan import CopyItem
from landfall.copying.source import SourceDatabase
from landfall.copying.tables import TableCopy
from landfall.spec.model import Product

Upload = Callable[[str, Path], str]
"""Puts a local file at a path of the landing container and returns its entity tag."""


Source = SourceDatabase | SourceApi | SourceFiles
"""What a product copies from, as this machine reaches it."""


class Progress(Protocol):
    """Is told of the rows of a dataset that were read so far."""

    def __call__(self, dataset: str, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one item of a plan.

    Attributes:
        rows: Rows in the file; ``None`` if none was written since nothing is new, or the file is copied as it is.
        path: Of the file, in the landing container; ``None`` if none was written.
    """

    dataset: str
    mode: str
    rows: int | None = None
    path: str | None = None
    etag: str | None = None
    size_bytes: int | None = None
    watermark_from: str | None = None
    watermark_to: str | None = None


def copy_from(
    product: Product, item: CopyItem, source: Source, upload: Upload, *, progress: Progress
) -> tuple[Copied, ...]:
    """Copy one item of a plan from whatever its source is, and return what was written: of files each.

    Raises:
        SourceUnreachable: The source does not answer or denies access.
        LandfallError: It does not do what is asked, or has what cannot be copied.
    """
    if isinstance(source, SourceDatabase):
        return (copy_item(product, item, source, upload, progress=progress),)
    if isinstance(source, SourceApi):
        return (_copy_answers(product, item, source, upload, progress),)
    return _copy_files(item, source, upload)


def _copy_answers(
    product: Product, item: CopyItem, source: SourceApi, upload: Upload, progress: Progress
) -> Copied:
    dataset = next(one for one in product.datasets if one.name == item.dataset)
    with tempfile.TemporaryDirectory(prefix="landfall-copy-") as folder:
        file = Path(folder) / "rows"
        rows = source.write(item, dataset, file, lambda read: progress(item.dataset, read))
        path = f"{item.folder}/{item.file}"
        return Copied(
            dataset=item.dataset,
            mode=item.mode,
            rows=rows,
            path=path,
            etag=upload(path, file),
            size_bytes=file.stat().st_size,
            watermark_from=item.watermark_from or None,
            watermark_to=item.watermark_to or None,
        )


def _copy_files(item: CopyItem, source: SourceFiles, upload: Upload) -> tuple[Copied, ...]:
    copied: list[Copied] = []
    with source.connect() as server, tempfile.TemporaryDirectory(prefix="landfall-copy-") as folder:
        for found in server.matching(item.path):
            file = Path(folder) / "file"
            server.fetch(found, file)
            path = f"{item.folder}/{found.rpartition('/')[2]}"
            etag = upload(path, file)
            copied.append(Copied(item.dataset, item.mode, None, path, etag, file.stat().st_size))
            if item.delete_after:
                # Only now: what dies before leaves the file to the next copy.
                server.delete(found)
    return tuple(copied) or (Copied(item.dataset, item.mode),)


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
