"""Fixed-width text: one record a line, each column at its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from spark_runtime.readers.records import THE_START, Parsed, Rows, Start, Wanted


@dataclass(frozen=True, slots=True)
class FixedLayout:
    """How a fixed-width source is written.

    Attributes:
        slices: First character, counted from 0, and the one after the last, per declared column.
        skip_lines: Lines before the first record.
        comment: Character that makes a line a comment, or ``None``.
        trimmed: Whether blanks at the end of a line may have been cut off.
        null_values: Texts that mean null, besides blanks.
    """

    slices: tuple[tuple[int, int], ...]
    skip_lines: int
    comment: str | None
    trimmed: bool
    null_values: frozenset[str]


def read_fixed(
    chunks: Iterator[bytes], layout: FixedLayout, wanted: Wanted, start: Start = THE_START
) -> Iterator[Parsed]:
    """Yield the records of one text; blanks around a value are no part of it.

    Args:
        chunks: The text in UTF-8, without a byte order mark.
    """
    rows = Rows(wanted)
    width = max(end for _, end in layout.slices)
    number = start.line - 1
    carried = b""
    for chunk in chain(chunks, (b"\n",)):
        data = carried + chunk
        end = data.rfind(b"\n") + 1
        carried = data[end:]
        for raw in data[:end].split(b"\n")[:-1]:
            number += 1
            line = raw.decode(errors="replace").rstrip("\r")
            if number <= layout.skip_lines or not line.strip():
                continue
            if layout.comment is not None and line.startswith(layout.comment):
                continue
            _take(line, number, layout, width, rows)
        if len(rows):
            yield rows.take()


def _take(line: str, number: int, layout: FixedLayout, width: int, rows: Rows) -> None:
    if len(line) < width and not layout.trimmed:
        rows.refuse(line, f"{len(line)} characters instead of {width}", number)
        return
    rest = line[width:].strip()
    if rest and rows.wanted.extra not in ("ignore", "keep"):
        rows.refuse(line, f"{len(line)} characters instead of {width}", number)
        return
    values: list[str | None] = []
    for start, end in layout.slices:
        text = line[start:end].strip()
        values.append(None if not text or text in layout.null_values else text)
    rows.add(values, number, {"_rest": rest} if rest and rows.wanted.extra == "keep" else None)
