"""Packed files: what is in them comes out, and what cannot be unpacked is never taken for text."""

import io
import zipfile

import pyarrow as pa
import pytest

from spark_runtime.readers.containers import open_members
from spark_runtime.readers.records import UnreadableFile

TEXT = b"id,name\n" + b"1,aaaa\n" * 700_000
PACKED = bytes(pa.compress(TEXT, "zstd"))


def unpacked(name: str, content: bytes) -> bytes:
    return b"".join(chunk for member in open_members(name, pa.py_buffer(content)) for chunk in member)


def test_zstandard_is_unpacked_frame_by_frame() -> None:
    assert unpacked("a.csv.ZST", PACKED) == TEXT
    assert unpacked("a.csv.zst", PACKED + PACKED) == TEXT + TEXT


@pytest.mark.parametrize("content", [PACKED[:-1], PACKED[:20], b"", b"id,name\n1,a\n", PACKED + b"more"])
def test_zstandard_that_is_not_whole_is_rejected(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="zst"):
        unpacked("a.csv.zst", content)


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz", ".7z", ".lz4"])
def test_an_archive_that_is_not_unpacked_is_rejected_by_its_name(ending: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"^{ending} files are not unpacked"):
        unpacked(f"a.csv{ending}", b"id\n1\n")


def test_a_damaged_member_of_a_zip_is_rejected_however_it_is_packed() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", b"id\n1\n")
    content = bytearray(out.getvalue())
    content[45] ^= 255

    with pytest.raises(UnreadableFile, match="cannot be unpacked"):
        unpacked("a.zip", bytes(content))
