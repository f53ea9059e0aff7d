"""Blocks of a large text, as an engine's own reader of lines cuts it: surveyed first, then read by a task each.

A block begins with a line. Whether it begins with a record as well says the survey of the blocks before it: a quoted
field may hold line ends, so a record may stand on a border. Its first lines, all in one block, are then read with the
next one. So each record is read once, whole, and with its line in the file.
"""

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from spark_runtime.readers.containers import CHUNK_BYTES
from spark_runtime.readers.csv_grammar import CsvLayout, Grammar, without_first_lines
from spark_runtime.readers.records import Start

# Position and text of each block that a task is handed, in chunks of whole lines.
Cut: TypeAlias = Callable[[Iterator[pa.RecordBatch]], Iterator[tuple[int, Iterator[bytes]]]]
# What a survey says of a block; see ``Survey``.
SURVEY = (
    "position bigint, lines bigint, size_bytes bigint, first_line_bytes bigint, record string, opened binary, "
    "readable boolean"
)
# Of a record on a border at most so many bytes stand before it; they travel with the plan.
MAX_OPENED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at a block says of it.

    Attributes:
        position: Where it stands among the others, which only grows along the file.
        lines: Number of its lines.
        size_bytes: Bytes of its lines, each with one for its end.
        first_line_bytes: Length of the first line, below 0 where no line ends.
        record: First record of the text; only the first block has it.
        opened: Beginning of a record that does not end in the block, empty if there is none.
        readable: Whether the block can be read without what stands before it.
    """

    position: int
    lines: int
    size_bytes: int
    first_line_bytes: int
    record: str | None
    opened: bytes
    readable: bool


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A block to read.

    Attributes:
        start: What is known of the text before its first record.
        head: First lines of its first record, which stand in the block before.
        left_bytes: Bytes at its end that are read with the next block.
    """

    position: int
    lines: int
    size_bytes: int
    start: Start
    head: bytes = b""
    left_bytes: int = 0


class BlockChanged(Exception):
    """A block does not hold what it held when it was surveyed."""


def make_surveyor(
    layout: object, cut: Cut, *, inside: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow`` that surveys blocks.

    Args:
        cut: Gives the blocks of what the engine hands over.
        inside: Whether every block but the first is taken to begin inside a quoted field, instead of with a record.
    """

    def survey(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for position, chunks in cut(batches):
            found = _surveyed(position, chunks, layout, inside=inside and position > 0)
            values: dict[str, Any] = {
                "position": pa.array([found.position], pa.int64()),
                "lines": pa.array([found.lines], pa.int64()),
                "size_bytes": pa.array([found.size_bytes], pa.int64()),
                "first_line_bytes": pa.array([found.first_line_bytes], pa.int64()),
                "record": pa.array([found.record], pa.string()),
                "opened": pa.array([found.opened], pa.binary()),
                "readable": pa.array([found.readable], pa.bool_()),
            }
            yield pa.RecordBatch.from_arrays(list(values.values()), names=list(values))

    return survey


def cut_lines(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Yield position and text of each block, in chunks of whole lines.

    Args:
        batches: Columns ``position`` and ``value``, a line without its end; the lines of a block follow one another.
    """
    for position, runs in groupby(_runs(batches), key=lambda run: run[0]):
        yield position, _gathered(text for _, text in runs)


def chunks_of(chunks: Iterator[bytes], block: TextBlock) -> Iterator[bytes]:
    """Yield the records that are read with a block.

    Raises:
        BlockChanged: It is not what was surveyed.
    """
    left = block.size_bytes - block.left_bytes
    lines = size = 0
    for chunk in chain((block.head,), chunks):
        if chunk is not block.head:
            lines += chunk.count(b"\n")
            size += len(chunk)
            chunk, left = chunk[:left], max(left - len(chunk), 0)
        if chunk:
            yield chunk
    if (lines, size) != (block.lines, block.size_bytes):
        raise BlockChanged(f"{lines} lines of {size} bytes instead of {block.lines} of {block.size_bytes}")


def plan_blocks(clean: Sequence[Survey], inside: Sequence[Survey]) -> tuple[TextBlock, ...] | None:
    """Return how blocks are read that make up a text, ``None`` if they cannot be read one by one.

    Args:
        clean: The blocks as they are if each begins with a record, in the order of the text.
        inside: The same blocks as they are if they begin inside a quoted field; may be missing where none does.
    """
    blocks: list[TextBlock] = []
    line = 1
    opened = b""
    for number, survey in enumerate(clean):
        found = survey
        if opened:
            if not inside:
                return None
            found = inside[number]
        is_last = number == len(clean) - 1
        if not found.readable or (len(found.opened) > MAX_OPENED_BYTES and not is_last):
            return None
        start = Start(line - opened.count(b"\n"), clean[0].record if number else None)
        left = 0 if is_last else len(found.opened)
        blocks.append(TextBlock(survey.position, survey.lines, survey.size_bytes, start, opened, left))
        line += survey.lines
        opened = found.opened
    return tuple(blocks)


def _runs(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
    for batch in batches:
        if not batch.num_rows:
            continue
        positions, values = batch.column("position"), batch.column("value")
        start = 0
        encoded: Any = pc.call_function("run_end_encode", [positions])
        for run in encoded.run_ends.to_pylist():
            yield positions[start].as_py(), _joined(values.slice(start, run - start))
            start = run


def _joined(values: Any) -> bytes:
    """Return lines as one text, each with its end."""
    texts = values.cast(pa.large_binary())
    empty, end = pa.scalar(b"", pa.large_binary()), pa.scalar(b"\n", pa.large_binary())
    joined: Any = pc.binary_join_element_wise(texts, empty, end)
    size = pc.sum(pc.binary_length(joined)).as_py()
    return bytes(memoryview(joined.buffers()[2])[:size])


def _gathered(texts: Iterator[bytes]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for text in texts:
        gathered.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _surveyed(position: int, chunks: Iterator[bytes], layout: object, *, inside: bool) -> Survey:
    lines = size = 0
    first_line = -1

    def counted() -> Iterator[bytes]:
        nonlocal lines, size, first_line
        for chunk in chunks:
            if first_line < 0 and b"\n" in chunk:
                first_line = size + chunk.find(b"\n")
            lines += chunk.count(b"\n")
            size += len(chunk)
            yield chunk

    texts = counted()
    record, opened, readable = None, b"", True
    if isinstance(layout, CsvLayout):
        record, opened, readable = _survey_csv(texts, layout, at_start=position == 0, inside=inside)
    # What was found out early still has to be counted to the end.
    for _ in texts:
        pass
    kept = opened if len(opened) <= MAX_OPENED_BYTES else opened[: MAX_OPENED_BYTES + 1]
    return Survey(position, lines, size, first_line, record, kept, readable)


def _survey_csv(
    chunks: Iterator[bytes], layout: CsvLayout, *, at_start: bool, inside: bool
) -> tuple[str | None, bytes, bool]:
    """Return the first record of the text, what is open at the end, and whether the block can be read by itself."""
    grammar = Grammar(layout)
    record = None
    if at_start:
        chunks = without_first_lines(_without_mark(chunks), layout.skip_lines)
    if inside:
        chunk = next(chunks, b"")
        end = grammar.end_of_open(chunk)
        if end is None:
            return None, b"", False
        chunks = chain((chunk[end:],), chunks)
    opened = b""
    for chunk in chunks:
        block, opened = grammar.split(opened + chunk, 1, complete=False)
        if at_start and record is None:
            if block.starts_refused:
                return None, b"", False
            record = grammar.first_record(block.pieces)
    return record, opened, record is not None or not at_start


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    yield from chunks
