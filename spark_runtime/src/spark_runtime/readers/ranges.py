"""Ranges of a file that the engine's Python reads itself, where the engine's reader of lines keeps no order."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from spark_runtime.readers.containers import CHUNK_BYTES

RANGES = "position bigint, first_byte bigint, end_byte bigint"


def make_range_reader(
    uri: str,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[tuple[int, Iterator[bytes]]]]:
    """Return the function that yields position and text of each range, in chunks of lines: those that begin in it."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, Iterator[bytes]]]:
        for batch in batches:
            for row in batch.to_pylist():
                yield row["position"], _lines_from(uri, row["first_byte"], row["end_byte"])

    return read


def _lines_from(uri: str, first_byte: int, end_byte: int) -> Iterator[bytes]:
    with _open(uri) as file:
        # A line that begins at the first byte is ours, one that began before it is not.
        at = max(first_byte - 1, 0)
        file.seek(at)
        begun = first_byte == 0
        carried = b""
        while chunk := file.read(CHUNK_BYTES):
            if not begun:
                skipped = chunk.find(b"\n") + 1
                at += skipped or len(chunk)
                if at >= end_byte:
                    return
                if not skipped:
                    continue
                chunk, begun = chunk[skipped:], True
            ends = at + len(chunk) >= end_byte
            # The line with the last byte of the range is the last one of ours.
            cut = chunk.find(b"\n", max(end_byte - 1 - at, 0)) + 1 if ends else 0
            at += len(chunk)
            data = carried + (chunk[:cut] if cut else chunk)
            if cut:
                yield data
                return
            whole = data.rfind(b"\n") + 1
            carried = data[whole:]
            if whole:
                yield data[:whole]
        if carried:
            yield carried


def _open(uri: str) -> Any:
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return fs.LocalFileSystem().open_input_file(parts.path)
    blobs = urlsplit(os.environ["AZURITE_BLOB_STORAGE_URL"])
    # The stubs of pyarrow know these names otherwise spelt.
    schemes: dict[str, Any] = {"blob_storage_scheme": blobs.scheme, "dfs_storage_scheme": blobs.scheme}
    storage = fs.AzureFileSystem(
        account_name=str(parts.hostname).partition(".")[0],
        account_key=os.environ["AZURE_STORAGE_ACCOUNT_KEY"],
        blob_storage_authority=blobs.netloc,
        dfs_storage_authority=blobs.netloc,
        **schemes,
    )
    return storage.open_input_file(f"{parts.username}{parts.path}")
