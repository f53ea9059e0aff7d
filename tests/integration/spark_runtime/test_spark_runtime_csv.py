"""CSV files on the real engine: every record is published or quarantined with a reason."""

import bz2
import gzip
import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.spark_runtime.workbench import Workbench, counts, rule_counts

COLUMNS = "id int not null; name string; price decimal(8,2)"


def zipped(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return archive.getvalue()


def test_a_clean_file_becomes_typed_rows_with_load_columns(bench: Workbench) -> None:
    file = bench.land("a.csv", b"id,name,price\n1,pen,2.50\n2,,\n")

    result = bench.ingest(COLUMNS, file, run_id="r7")

    assert counts(result) == (2, 2, 0)
    assert result["files"] == [{"uri": file["uri"], "status": "done", "reason": None}]
    rows = bench.rows("orders", "id", "name", "price")
    assert [(row[0], row[1], row[2] and str(row[2])) for row in rows] == [(1, "pen", "2.50"), (2, None, None)]
    assert {(row[0], row[1]) for row in bench.rows("orders", "_source_file", "_run_id")} == {
        (file["uri"], "r7")
    }
    assert [column["type"] for column in result["output"]["columns"]][:3] == ["int", "string", "decimal(8,2)"]


def test_every_fault_of_a_row_is_told_apart(bench: Workbench) -> None:
    content = (
        b"id,name,price\n"
        b"1,ok,1.00\n"
        b"x,word for a number,1.00\n"
        b",no id,1.00\n"
        b"4,short\n"
        b"5,long,1.00,more\n"
        b"6,1e2 is a number only to some engines,1e2\n"
        b'7,"text "after,1.00\n'
        b'8,"never closed,1.00\n'
    )

    result = bench.ingest(COLUMNS, bench.land("a.csv", content))

    assert counts(result) == (8, 1, 7)
    assert rule_counts(result) == {
        "readable_row": (8, 4),
        "type:id": (8, 1),
        "not_null:id": (8, 1),
        "type:price": (8, 1),
    }
    assert bench.quarantined() == [
        (["readable_row"], "readable_row: 2 fields instead of 3", "4,short"),
        (["readable_row"], "readable_row: 4 fields instead of 3", "5,long,1.00,more"),
        (["readable_row"], "readable_row: text follows a closing quote", '7,"text "after,1.00'),
        (["readable_row"], "readable_row: a quoted field is never closed", '8,"never closed,1.00'),
        (
            ["type:price"],
            "type:price: price cannot be read as decimal(8,2)",
            '{"id":"6","name":"1e2 is a number only to some engines","price":"1e2"}',
        ),
        (
            ["type:id"],
            "type:id: id cannot be read as int",
            '{"id":"x","name":"word for a number","price":"1.00"}',
        ),
        (
            ["not_null:id"],
            "not_null:id: null in a column that must have a value",
            '{"name":"no id","price":"1.00"}',
        ),
    ]


def test_columns_are_matched_by_name_whatever_their_order_and_case(bench: Workbench) -> None:
    bench.ingest(COLUMNS, bench.land("a.csv", b"\xef\xbb\xbfPRICE,Id,name\r\n9.99,3,cup\r\n"))

    assert bench.rows("orders", "id", "name") == [(3, "cup")]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"id,name", "the file has missing column 'price'"),
        (b"id,name,price,tax", "the file has unexpected column 'tax'"),
        (b"id,name,price,ID", "the file has repeated column 'ID'"),
        (b'id,"name,price', "the header line cannot be read: a quoted field is never closed"),
    ],
)
def test_all_rows_of_a_file_with_another_header_are_quarantined(
    bench: Workbench, header: bytes, reason: str
) -> None:
    good = bench.land("good.csv", b"id,name,price\n1,pen,2.50\n")
    other = bench.land("other.csv", header + b"\n5,cup\n6,jug\n")

    result = bench.ingest(COLUMNS, good, other)

    assert counts(result) == (3, 1, 2)
    assert [row[1] for row in bench.quarantined()] == [f"readable_row: {reason}"] * 2


def test_line_feeds_within_quotes_belong_to_the_field(bench: Workbench) -> None:
    bench.ingest(COLUMNS, bench.land("a.csv", b'id,name,price\n1,"two\nlines, ""quoted""",1\n2,"",3\n'))

    assert bench.rows("orders", "id", "name") == [(1, 'two\nlines, "quoted"'), (2, "")]


def test_null_texts_mean_null_and_quoted_ones_are_text(bench: Workbench) -> None:
    content = b'id,name,price\n1,NA,NA\n2,"NA","NA"\n3,-,-\n'

    result = bench.ingest(COLUMNS, bench.land("a.csv", content), options={"null_value": ["NA", "-"]})

    assert counts(result) == (3, 3, 0)
    assert bench.rows("orders", "id", "name", "price") == [(1, None, None), (2, "NA", None), (3, None, None)]


def test_a_file_can_be_written_in_another_way(bench: Workbench) -> None:
    content = "# made by hand\n1;'caf\xe9; bar';2.5\n2;x\\;y;1\n".encode("cp1252")
    options = {
        "header": False,
        "delimiter": ";",
        "quote": "'",
        "escape": "\\",
        "comment": "#",
        "encoding": "cp1252",
    }

    bench.ingest(COLUMNS, bench.land("a.csv", content), options=options)

    assert bench.rows("orders", "id", "name") == [(1, "café; bar"), (2, "x;y")]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.bz2", "a.csv.zip", "odd [1] %20{x}.csv"])
def test_packed_files_and_odd_names_are_read(bench: Workbench, name: str) -> None:
    content = b"id,name,price\n1,pen,2.50\n"
    packed = {"gz": gzip.compress(content), "bz2": bz2.compress(content), "zip": zipped("a.csv", content)}
    file = bench.land(name, packed.get(name.rpartition(".")[2], content))

    result = bench.ingest(COLUMNS, file)

    assert counts(result) == (1, 1, 0)


@pytest.mark.parametrize("content", [b"", b"id,name,price\n", b"id,name,price"])
def test_a_file_without_rows_is_done(bench: Workbench, content: bytes) -> None:
    result = bench.ingest(COLUMNS, bench.land("a.csv", content))

    assert result["status"] == "succeeded"
    assert counts(result) == (0, 0, 0)
    assert [file["status"] for file in result["files"]] == ["done"]
    assert bench.rows("orders") == []


def test_broken_files_are_rejected_and_the_others_taken_in(bench: Workbench) -> None:
    content = b"id,name,price\n" + b"".join(b"%d,pen,1\n" % number for number in range(50_000))
    files = [
        bench.land("good.csv", b"id,name,price\n1,pen,2.50\n"),
        bench.land("cut.csv.gz", gzip.compress(content)[:-20]),
        bench.land("cut.csv.bz2", bz2.compress(content)[:-20]),
        bench.land("cut.csv.zip", zipped("a.csv", content)[:-20]),
        bench.land("latin.csv", "id,name,price\n1,café,2.50\n".encode("latin-1")),
        bench.land("replaced.csv", b"id,name,price\n1,pen,2.50\n") | {"size_bytes": 7},
    ]

    result = bench.ingest(COLUMNS, *files)

    assert result["status"] == "succeeded"
    assert counts(result) == (1, 1, 0)
    assert [file["status"] for file in result["files"]] == ["done", *["rejected"] * 5]
    reasons = [file["reason"] for file in result["files"]]
    assert "ends too early" in reasons[1]
    assert "ends too early" in reasons[2]
    assert "zip archive" in reasons[3]
    assert "not utf-8" in reasons[4]
    assert "replaced" in reasons[5]


def test_a_node_with_nothing_readable_fails(bench: Workbench) -> None:
    result = bench.ingest(COLUMNS, bench.land("a.csv.gz", b"not gzip"))

    assert result["status"] == "failed"
    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4512", "data")
    assert [file["status"] for file in result["files"]] == ["rejected"]


def test_a_file_that_is_gone_fails_the_node(bench: Workbench) -> None:
    here = bench.land("here.csv", b"id,name,price\n1,pen,2.50\n")
    gone = here | {"uri": here["uri"].replace("here", "gone")}

    result = bench.ingest(COLUMNS, here, gone)

    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4511", "data")
    assert "gone.csv" in result["error"]["message"]


def test_an_unknown_option_is_refused(bench: Workbench) -> None:
    result = bench.ingest(COLUMNS, bench.land("a.csv", b"1"), options={"seperator": ";", "quote": "''"})

    assert result["error"]["kind"] == "definition"
    assert "seperator" in result["error"]["message"]
    assert "single ASCII character" in result["error"]["message"]


def test_a_large_plain_file_is_read_once(bench: Workbench) -> None:
    """Engines split files of this size, and the laptop's then returns them once per part."""
    line = b"%d,a name that fills the line to some length so that the file gets large,1.00\n"
    content = b"id,name,price\n" + b"".join(line % number for number in range(120_000))
    assert len(content) > 8 << 20

    result = bench.ingest(COLUMNS, bench.land("a.csv", content))

    assert counts(result) == (120_000, 120_000, 0)


def test_hundreds_of_files_make_one_plan(bench: Workbench) -> None:
    files = [bench.land(f"{number}.csv", b"id,name,price\n%d,pen,1\n" % number) for number in range(300)]

    result = bench.ingest(COLUMNS, *files)

    assert counts(result) == (300, 300, 0)
    assert len({row[0] for row in bench.rows("orders", "_source_file")}) == 300


CELLS = st.one_of(
    st.integers(-9, 99).map(str), st.sampled_from(["", "x", "2013-01-01", '"', 'a"b', '"q"', "#", "é"])
)
LINES = st.lists(CELLS, min_size=1, max_size=5).map(",".join)
FILES = st.lists(LINES, max_size=12)


@given(files=st.lists(FILES, min_size=1, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_published_and_quarantined_rows_are_the_lines(
    bench: Workbench, files: list[list[str]], end: str
) -> None:
    """A quote may join lines into a record, and only then are there fewer records than lines."""
    dataset = f"orders_{abs(hash((str(files), end)))}"
    landed = []
    for number, lines in enumerate(files):
        content = "".join(line + end for line in ["id,name,price", *lines])
        landed.append(bench.land(f"{dataset}/{number}.csv", content.encode()))

    result = bench.ingest(COLUMNS, *landed, dataset=dataset)

    read, published, quarantined = counts(result)
    lines = [line for file in files for line in file if line]
    assert read == published + quarantined
    assert len(bench.rows(dataset)) == published
    if any('"' in line for line in lines):
        assert read <= len(lines)
    else:
        assert read == len(lines)


def test_a_large_file_is_read_alone_and_once(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """From about 2 MB on Sail gives a file once per scan partition; a pattern character has engines look wider."""
    monkeypatch.setattr("spark_runtime.landed_files.ALONE_FROM_BYTES", 1 << 20)
    large = b"id,name\n" + b"".join(b"%d,%s\n" % (at, b"x" * 90) for at in range(30_000))
    files = [bench.land(name, large) for name in ("a.csv", "b[1].csv")]

    result = bench.ingest("id int; name string", *files, bench.land("c.csv", b"id,name\n1,small\n"))

    assert (result["error"], result["rows_published"]) == (None, 60_001)
    assert [file["status"] for file in result["files"]] == ["done"] * 3
