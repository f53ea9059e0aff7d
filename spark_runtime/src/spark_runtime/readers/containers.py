"""From the bytes of a landed file to chunks of text in UTF-8: archives, compression, encodings."""

import bz2
import codecs
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import UnreadableFile

CHUNK_BYTES = 4 << 20
PACKED = (".zip", ".gz", ".bz2", ".xz", ".zst")
"""How the names of files end, in small letters, that are not what is in them."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKED_CHARACTERS = 1000
_UNZIPPING = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
NOT_UNPACKED = (
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tar.xz",
    ".tar.zst",
    ".7z",
    ".rar",
    ".lz4",
    ".snappy",
    ".br",
)


def open_members(name: str, content: pa.Buffer) -> Iterator[Iterator[bytes]]:
    """Yield each data file inside a landed file as chunks of bytes; a plain file is its own only member.

    Compression follows the name: ``.gz``, ``.bz2``, ``.xz``, ``.zst``, ``.zip``. Folders and the metadata that macOS
    adds to a zip are passed over.

    Raises:
        UnreadableFile: The archive is broken, cut off, encrypted, or none that is unpacked; also while the chunks are
            read.
    """
    lowered = name.lower()
    if lowered.endswith(NOT_UNPACKED):
        # In an encoding that knows every byte it would be read as rows of nonsense.
        ending = max((ending for ending in NOT_UNPACKED if lowered.endswith(ending)), key=len)
        raise UnreadableFile(f"{ending} files are not unpacked; land one of {', '.join(PACKED)}")
    if lowered.endswith(".zip"):
        yield from _zip_members(content)
    elif lowered.endswith(".gz"):
        yield _inflate(content)
    elif lowered.endswith(".bz2"):
        yield _decompress(content, bz2.BZ2Decompressor, "bzip2")
    elif lowered.endswith(".xz"):
        yield _decompress(content, lzma.LZMADecompressor, "xz")
    elif lowered.endswith(".zst"):
        yield _expand(content)
    else:
        yield _slices(content)


def as_utf8(chunks: Iterator[bytes], encoding: str, *, from_start: bool = True) -> Iterator[bytes]:
    """Yield the same text in UTF-8 with line feeds, without a byte order mark.

    Args:
        from_start: Whether the text is that of a file from its first byte on.

    Raises:
        UnreadableFile: A byte is not of the declared encoding, or the file begins with the mark of another one.
    """
    decode = codecs.getincrementaldecoder(encoding)().decode
    at_start = from_start
    bare_returns = False
    for chunk, final in _with_last(chunks):
        try:
            text = decode(chunk, final)
        except UnicodeDecodeError as error:
            found = error.object[error.start : error.start + 1].hex()
            raise UnreadableFile(
                f"byte 0x{found} is not {encoding}; declare the file's encoding in the source's options"
            ) from error
        if at_start and text:
            _refuse_mark(text, encoding)
            text = text.removeprefix("\ufeff")
            at_start = False
            # Old Macs end lines with a bare carriage return; nothing else writes files without any line feed.
            bare_returns = "\r" in text[:-1] and "\n" not in text
        yield (text.replace("\r", "\n") if bare_returns else text).encode()


def _refuse_mark(text: str, encoding: str) -> None:
    """Refuse a file that says by its first bytes that it is Unicode, and was read as something else.

    Encodings of one byte know every byte, so its letters would be published as others without a word.
    """
    for mark, meant in _MARKS:
        try:
            read = mark.decode(encoding)
        except UnicodeDecodeError:
            continue
        # The two bytes of UTF-16 are letters that a text may begin with; half of what follows is zeros then.
        is_sure = meant == "utf-8" or "\0" in text[:_MARKED_CHARACTERS]
        if read.strip("\ufeff") and text.startswith(read) and is_sure:
            raise UnreadableFile(
                f"the file begins with the byte order mark of {meant} and is declared as {encoding}; "
                f"write encoding: {meant} in the source's options"
            )


def _with_last(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _slices(content: pa.Buffer) -> Iterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(view), CHUNK_BYTES):
        yield bytes(view[start : start + CHUNK_BYTES])


def _zip_members(content: pa.Buffer) -> Iterator[Iterator[bytes]]:
    try:
        archive = zipfile.ZipFile(pa.BufferReader(content))
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"not a complete zip archive ({error}); land the file again") from error
    members = [
        item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX/")
    ]
    if not members:
        raise UnreadableFile("the zip archive holds no file")
    for member in members:
        yield _unzip(archive, member)


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    # RuntimeError is how the library reports a member that needs a password.
    except (*_UNZIPPING, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise UnreadableFile(
            f"'{member.filename}' in the zip archive cannot be unpacked ({error})"
        ) from error


def _inflate(content: pa.Buffer) -> Iterator[bytes]:
    """Decompress gzip, one member after the other as ``cat a.gz b.gz`` makes them."""
    inflater = zlib.decompressobj(wbits=31)
    pending = b""
    for chunk in _slices(content):
        pending += chunk
        while pending:
            try:
                data = inflater.decompress(pending, CHUNK_BYTES)
            except zlib.error as error:
                raise UnreadableFile(f"not gzip, or damaged ({error}); land the file again") from error
            if data:
                yield data
            if inflater.eof:
                pending = inflater.unused_data.lstrip(b"\x00")  # tape and mainframe tools pad with zeros
                if pending:
                    inflater = zlib.decompressobj(wbits=31)
            else:
                pending = inflater.unconsumed_tail
                if not pending and not data:
                    break
    if not inflater.eof:
        raise UnreadableFile("the gzip data ends too early: the file was cut off; land it again")


def _expand(content: pa.Buffer) -> Iterator[bytes]:
    """Decompress Zstandard, one frame after the other."""
    if not content.size:
        raise UnreadableFile("the zst data ends too early: the file was cut off; land it again")
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise UnreadableFile(f"not zst, damaged or cut off ({error}); land the file again") from error


def _decompress(content: pa.Buffer, begin: Callable[[], Any], label: str) -> Iterator[bytes]:
    """Decompress streams that follow each other."""
    inflater = begin()
    for chunk in _slices(content):
        pending = chunk
        while pending or not (inflater.needs_input or inflater.eof):
            if inflater.eof:
                inflater = begin()
            try:
                data = inflater.decompress(pending, CHUNK_BYTES)
            except (OSError, lzma.LZMAError) as error:
                raise UnreadableFile(f"not {label}, or damaged ({error}); land the file again") from error
            if data:
                yield data
            pending = inflater.unused_data if inflater.eof else b""
    if not inflater.eof:
        raise UnreadableFile(f"the {label} data ends too early: the file was cut off; land it again")
