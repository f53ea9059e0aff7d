"""Large texts in blocks, without an engine: wherever they are cut, the same records with the same lines."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_runtime.readers import blocks as text_blocks
from spark_runtime.readers import ranges
from spark_runtime.readers.blocks import Survey, cut_lines, make_surveyor, plan_blocks
from spark_runtime.readers.csv_grammar import CsvLayout
from spark_runtime.readers.parse import (
    ExpectedFile,
    JsonLayout,
    Layout,
    ReadPlan,
    make_block_parser,
    make_parser,
)
from spark_runtime.readers.ranges import make_range_reader
from spark_runtime.readers.read_fixed import FixedLayout
from spark_runtime.readers.records import Wanted

CSV = CsvLayout(header=True, delimiter=",", quote='"', escape=None, comment="#", null_values=())
LAYOUTS: dict[str, Layout] = {
    "csv": CSV,
    "csv of single lines": replace(CSV, multi_line=False),
    "csv without header": replace(CSV, header=False, skip_lines=1),
    "json": JsonLayout(document=False),
    "fixed": FixedLayout(((0, 1), (1, 3)), 1, "#", trimmed=True, null_values=frozenset()),
}
# Pieces of texts that are well-formed, ragged, and open or closed at the wrong place.
PIECES = [
    "a,b\n",
    "1,2\n",
    '3,"x\ny"\n',
    '"\n\n",4\n',
    "# no\n",
    "\n",
    "5\r\n",
    '6,"7""8"\n',
    '{"a": 1}\n',
    "é,9\n",
]
BROKEN = ['9,"open\n', '8,"a"b\n', '{"a"\n', "a,b,c\n", '"']


def read_whole(content: bytes, layout: Layout) -> list[dict[str, Any]]:
    plan = plan_of(layout, len(content))
    batch = pa.RecordBatch.from_pydict({"path": ["file:/x"], "content": [content]})
    return rows_of(make_parser(plan)(iter([batch])))


def read_in_blocks(cut: list[bytes], layout: Layout) -> list[dict[str, Any]] | None:
    """Return the rows that the blocks of a text come to, ``None`` where it has to be read whole."""
    clean = survey(cut, layout, inside=False)
    planned = plan_blocks(clean, survey(cut, layout, inside=True))
    if planned is None:
        return None
    plan = plan_of(layout, sum(map(len, cut)))
    numbered = {block.position: (number, block) for number, block in enumerate(planned)}
    # Tasks come in any order, some with several blocks.
    parse = make_block_parser(plan, numbered, cut_lines)
    return sorted(rows_of(parse(iter([*batches(cut, 1), *batches(cut, 0)]))), key=lambda row: row["_lf_file"])


def survey(cut: list[bytes], layout: Layout, *, inside: bool) -> list[Survey]:
    found = make_surveyor(layout, cut_lines, inside=inside)(iter(batches(cut, 0) + batches(cut, 1)))
    rows = [Survey(**row) for batch in found for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: row.position)


def batches(cut: list[bytes], parity: int) -> list[pa.RecordBatch]:
    """Return every second block as an engine hands it over: lines without ends, two a batch."""
    found = []
    for number, text in enumerate(cut):
        lines = text.removesuffix(b"\n").split(b"\n")
        if number % 2 == parity and text:
            for start in range(0, len(lines), 2):
                part = [line.decode() for line in lines[start : start + 2]]
                found.append(
                    pa.RecordBatch.from_pydict({"position": [number * 10] * len(part), "value": part})
                )
    return found


def plan_of(layout: Layout, size: int) -> ReadPlan:
    kind = {CsvLayout: "csv", JsonLayout: "json", FixedLayout: "fixed"}[type(layout)]
    return ReadPlan(kind, "utf-8", Wanted(("a", "b")), {"x": ExpectedFile(0, size)}, layout)


def rows_of(found: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in found for row in batch.to_pylist()]


def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what must not depend on blocks, in the order of lines."""
    names = ("_lf_line", "_lf_kind", "_lf_c0", "_lf_c1", "_lf_raw", "_lf_fault")
    return sorted((tuple(row[name] for name in names) for row in rows if row["_lf_kind"] < 2), key=repr)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_blocks, "CHUNK_BYTES", 40)
    monkeypatch.setattr(ranges, "CHUNK_BYTES", 7)


def cut_at_lines(text: str, cuts: set[int]) -> list[bytes]:
    """Return a text in blocks that begin at some of its lines."""
    lines = text.encode().splitlines(keepends=True) if "\r" not in text else split_keeping(text.encode())
    found: list[bytes] = []
    for number, line in enumerate(lines):
        if not found or number in cuts:
            found.append(b"")
        found[-1] += line
    return found


def split_keeping(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.removesuffix(b"\n").split(b"\n")]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(
    st.lists(st.sampled_from(PIECES), min_size=3, max_size=20),
    st.sets(st.integers(2, 30), max_size=4),
)
def test_blocks_of_a_text_hold_its_records(layout: Layout, pieces: list[str], cuts: set[int]) -> None:
    text = "a,b\n0,0\n" + "".join(pieces)
    cut = cut_at_lines(text, cuts)

    found = read_in_blocks(cut, layout)

    whole = read_whole(text.encode(), layout)
    if found is not None:
        assert told(found) == told(whole)
        assert sum(row["_lf_rows"] or 0 for row in found) == sum(row["_lf_rows"] or 0 for row in whole)
        assert [row["_lf_file"] for row in found if row["_lf_kind"] == 2] == list(range(len(cut)))
    else:
        # Only quotes can hide where a record begins.
        assert isinstance(layout, CsvLayout)
        assert layout.multi_line
        assert '"' in text


@given(
    st.lists(st.sampled_from([*PIECES, *BROKEN]), min_size=3, max_size=20),
    st.sets(st.integers(2, 30), max_size=4),
)
@example([*["a,b\n"] * 5, '9,"open\n', '3,"x\ny"\n'], {9})
def test_broken_texts_come_to_the_same_in_blocks_or_are_read_whole(pieces: list[str], cuts: set[int]) -> None:
    text = "a,b\n0,0\n" + "".join(pieces)

    found = read_in_blocks(cut_at_lines(text, cuts), CSV)

    assert found is None or told(found) == told(read_whole(text.encode(), CSV))


def test_a_record_on_a_border_is_read_with_the_block_in_which_it_ends() -> None:
    cut = [b'a,b\n1,one\n2,"t\n', b'w\no"\n3,"th\n', b'r\nee"\n4,four\n']

    found = read_in_blocks(cut, CSV)

    assert found is not None
    assert [(row["_lf_line"], row["_lf_c0"], row["_lf_c1"]) for row in found if row["_lf_kind"] == 0] == [
        (2, "1", "one"),
        (3, "2", "t\nw\no"),
        (6, "3", "th\nr\nee"),
        (9, "4", "four"),
    ]


@given(st.lists(st.text("ab", max_size=30), max_size=12), st.integers(1, 50), st.booleans())
def test_ranges_hold_each_line_once(lines: list[str], size: int, ended: bool) -> None:
    content = ("\n".join(lines) + ("\n" if ended else "")).encode()
    cuts = [(at, at, min(at + size, len(content))) for at in range(0, len(content), size)]
    names = ("position", "first_byte", "end_byte")
    columns = [pa.array([item[at] for item in cuts], pa.int64()) for at in range(3)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()

        cut = make_range_reader(f"file://{file.name}")
        found = [
            list(chunks) for _, chunks in cut(iter([pa.RecordBatch.from_arrays(columns, names=list(names))]))
        ]

    chunks = [chunk for part in found for chunk in part]
    assert b"".join(chunks) == content
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    # A range has the lines that begin in it.
    begun = [0, *(at + 1 for at, sign in enumerate(content[:-1]) if sign == 10)] if content else []
    assert [len(b"".join(part).splitlines()) for part in found] == [
        sum(first <= at < end for at in begun) for _, first, end in cuts
    ]


def test_a_block_that_changed_is_never_closed() -> None:
    planned = plan_blocks(survey([b"a,b\n1,2\n", b"3,4\n"], CSV, inside=False), [])
    assert planned is not None
    parse = make_block_parser(
        plan_of(CSV, 12),
        {block.position: (number, block) for number, block in enumerate(planned)},
        cut_lines,
    )

    rows = rows_of(parse(iter(batches([b"a,b\n1,2\n", b"3,5\n5,6\n"], 0) + batches([b"", b"3,5\n5,6\n"], 1))))

    assert [row["_lf_file"] for row in rows if row["_lf_kind"] == 2] == [0]
