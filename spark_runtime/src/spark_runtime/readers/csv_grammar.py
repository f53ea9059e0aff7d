"""Finding the records of a CSV text before they are parsed.

A parser that meets an unclosed quote swallows the rest of the file without a word. So runs of lines without a quote
are records as they are; a line with one must match the grammar of RFC 4180, from its first byte to the end of its
record. What does not match is refused as that one line.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spark_runtime.readers.records import RefusedRecord

# A quoted field may hold line feeds; beyond this length its opening quote counts as a stray one.
MAX_RECORD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How a CSV source is written.

    Attributes:
        null_values: Unquoted texts that mean null, besides the empty one.
        quote: Quote character, or ``None`` when quotes mean nothing.
        escape: Character that takes the meaning from the next one, or ``None``; a doubled quote always works.
        comment: Character that makes a line a comment, or ``None``.
        multi_line: Whether a quoted field may hold line ends.
        skip_lines: Lines before the header, or before the first record.
    """

    header: bool
    delimiter: str
    quote: str | None
    escape: str | None
    comment: str | None
    null_values: tuple[str, ...]
    multi_line: bool = True
    skip_lines: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, and the lines between them that are none.

    Attributes:
        pieces: Runs of records that follow each other, and the line of the first, counted from 1.
        multi_line: Whether a record spans lines.
        starts_refused: Whether the first refused line stood before every record.
    """

    pieces: tuple[tuple[bytes, int], ...]
    refused: tuple[RefusedRecord, ...]
    multi_line: bool
    starts_refused: bool


class Grammar:
    """The regular expressions of one layout."""

    def __init__(self, layout: CsvLayout) -> None:
        delimiter = re.escape(layout.delimiter.encode())
        escape = re.escape(layout.escape.encode()) if layout.escape else None
        quote = re.escape(layout.quote.encode()) if layout.quote else None
        # No field can be read in two ways, so a match that fails fails in one pass over the text. Repetition is
        # possessive for single characters only: before Python 3.11.5 a possessive group loses its way.
        plain = _run_of(rb"\r\n" + delimiter + (escape or b""), escape + rb"." if escape else None)
        if quote is None:
            field = plain
            self._open = re.compile(rb"(?!)")
        else:
            doubled = quote + quote + (rb"|" + escape + rb"." if escape else b"")
            ends = quote + (escape or b"") + (b"" if layout.multi_line else rb"\r\n")
            inside = _run_of(ends, doubled)
            field = rb"(?:" + quote + inside + quote + rb"|(?!" + quote + rb")" + plain + rb")"
            self._open = re.compile(
                rb"(?:"
                + field
                + delimiter
                + rb")*"
                + quote
                + inside
                + (escape + rb"?" if escape else b"")
                + (rb"\Z" if layout.multi_line else rb"(?=[\r\n]|\Z)"),
                re.DOTALL,
            )
        self._record = re.compile(
            rb"(?:" + field + rb")(?:" + delimiter + field + rb")*(?:\r\n?|\n|\Z)",
            re.DOTALL,
        )
        marks = [
            mark
            for mark in (
                quote,
                escape,
                rb"(?m:^)" + re.escape(layout.comment.encode()) if layout.comment else None,
            )
            if mark
        ]
        self._special = re.compile(b"|".join(marks)) if marks else re.compile(rb"(?!)")
        # Most layouts know one special character, and looking for a character is many times faster without re.
        only_quote = layout.quote is not None and marks == [quote]
        self._only_mark = layout.quote.encode() if only_quote and layout.quote else None
        self._comment = layout.comment.encode() if layout.comment else None
        self._quote = layout.quote.encode() if layout.quote else b""
        self._multi_line = layout.multi_line

    def split(self, data: bytes, line: int, *, complete: bool) -> tuple[Block, bytes]:
        """Return the records that end in ``data``, and the beginning of one that does not.

        Args:
            line: Line with which ``data`` begins.
            complete: Whether the text ends with ``data``.
        """
        end = len(data) if complete else data.rfind(b"\n") + 1
        pieces: list[tuple[bytes, int]] = []
        refused: list[RefusedRecord] = []
        multi_line = starts_refused = False
        kept_from = at = 0
        counted = 0  # up to there ``line`` is known

        def line_at(position: int) -> int:
            nonlocal line, counted
            line += data.count(b"\n", counted, position)
            counted = position
            return line

        def keep(until: int) -> None:
            if until > kept_from:
                pieces.append((data[kept_from:until], line_at(kept_from)))

        while (found := self._next_special(data, at, end)) >= 0:
            start = max(data.rfind(b"\n", 0, found) + 1, at)
            line_end = data.find(b"\n", start) + 1 or len(data)
            if self._comment and data.startswith(self._comment, start):
                keep(start)
                kept_from = at = line_end
                continue
            record = self._record.match(data, start)
            if record and (complete or record.end() < len(data) or record.group().endswith(b"\n")):
                at = record.end()
                multi_line = multi_line or at > line_end
                continue
            opened = self._open.match(data, start) is not None
            # Where no field may hold line ends, nothing that follows can close one.
            waits = record or (opened and self._multi_line)
            if not complete and waits and len(data) - start < MAX_RECORD_BYTES:
                end = start
                break
            keep(start)
            if not refused:
                starts_refused = not any(piece.strip(b"\r\n") for piece, _ in pieces)
            first_line = data[start:line_end]
            # By its first line, which is what is refused: how far the text behind it is at hand depends on the reader.
            is_open = self._open.match(first_line.rstrip(b"\r\n")) is not None
            reason = "a quoted field is never closed" if is_open else "text follows a closing quote"
            refused.append(RefusedRecord(_as_text(first_line), reason, line_at(start)))
            kept_from = at = line_end
        end = max(end, at)
        keep(end)
        return Block(tuple(pieces), tuple(refused), multi_line, starts_refused), data[end:]

    def _next_special(self, data: bytes, start: int, end: int) -> int:
        """Return where the next character stands that may mean something within a line, -1 if there is none."""
        if self._only_mark is not None:
            return data.find(self._only_mark, start, end)
        found = self._special.search(data, start, end)
        return -1 if found is None else found.start()

    def next_record(self, text: bytes, start: int) -> tuple[int, int]:
        """Return where the first record at or after ``start`` that is not blank begins and ends; equal at the end."""
        while start < len(text) and text[start] in b"\r\n":
            start += 1
        if start == len(text):
            return start, start
        record = self._record.match(text, start)
        return start, record.end() if record else text.find(b"\n", start) + 1 or len(text)

    def end_of_open(self, text: bytes) -> int | None:
        """Return where a record ends in whose quoted field a text begins, ``None`` where that cannot be told."""
        found = self._record.match(self._quote + text) if self._quote else None
        return found.end() - len(self._quote) if found and found.group().endswith(b"\n") else None

    def first_record(self, pieces: Sequence[tuple[bytes, int]]) -> str | None:
        return next((record for record, _ in self.records(pieces)), None)

    def after_first_record(self, pieces: Sequence[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        """Return the pieces without their first record and what is blank before it."""
        for number, (text, line) in enumerate(pieces):
            start, end = self.next_record(text, 0)
            if start < end:
                rest = [(text[end:], line + text.count(b"\n", 0, end))] if end < len(text) else []
                return [*rest, *pieces[number + 1 :]]
        return []

    def records(self, pieces: Iterable[tuple[bytes, int]]) -> Iterator[tuple[str, int]]:
        """Yield each record of pieces that hold whole records only, and its line."""
        for text, first in pieces:
            line, counted = first, 0
            start, end = self.next_record(text, 0)
            while start < end:
                line += text.count(b"\n", counted, start)
                counted = start
                yield _as_text(text[start:end]), line
                start, end = self.next_record(text, end)

    def lines(self, pieces: Sequence[tuple[bytes, int]], *, multi_line: bool) -> list[int]:
        """Return the line of each record."""
        lines: list[int] = []
        for text, first in pieces:
            if multi_line or _has_blank_line(text):
                lines.extend(line for _, line in self.records([(text, first)]))
            else:
                lines.extend(range(first, first + text.count(b"\n") + (not text.endswith(b"\n"))))
        return lines


def _has_blank_line(text: bytes) -> bool:
    return text.startswith((b"\n", b"\r\n")) or b"\n\n" in text or b"\n\r\n" in text


def _run_of(ends: bytes, pair: bytes | None) -> bytes:
    """Return the expression of any characters but ``ends``, and of ``pair`` where it stands among them."""
    run = rb"[^" + ends + rb"]*+"
    return run + rb"(?:(?:" + pair + rb")" + run + rb")*" if pair else run


def without_first_lines(chunks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for chunk in chunks:
        while lines and chunk:
            end = chunk.find(b"\n") + 1
            lines -= bool(end)
            chunk = chunk[end:] if end else b""
        yield chunk


def blocks(chunks: Iterator[bytes], grammar: Grammar, line: int) -> Iterator[Block]:
    carried = b""
    for chunk in chunks:
        data = carried + chunk
        block, carried = grammar.split(data, line, complete=False)
        line += data.count(b"\n", 0, len(data) - len(carried))
        yield block
    block, _ = grammar.split(carried, line, complete=True)
    yield block


def _as_text(record: bytes) -> str:
    return record.decode(errors="replace").rstrip("\r\n")
