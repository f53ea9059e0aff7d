"""What the command prints: stable keys for programs, aligned text for people, stdout for data only."""

import io
import json
from datetime import UTC, date, datetime

import pytest

from landfall.cli.output import OutputFormat, note, show_fields, show_json, show_rows, table_text
from landfall.cli.terminal import print_table

ROWS = [
    {"run_id": "r1", "rows": 12, "mean": 1.256, "at": datetime(2026, 1, 1, 12, tzinfo=UTC), "reason": None},
    {"run_id": "r2", "rows": 3456, "mean": None, "at": None, "reason": "two\nlines\tand a tab"},
]
COLUMNS = ("run_id", "rows", "mean", "at", "reason")


def test_a_table_aligns_numbers_right_and_cuts_nothing_off() -> None:
    lines = table_text(ROWS, COLUMNS).splitlines()

    assert lines[0] == "RUN ID   ROWS  MEAN  AT                    REASON"
    assert lines[1] == "r1         12  1.26  2026-01-01 12:00:00Z  -"
    assert lines[2] == "r2      3,456     -  -                     two lines and a tab"


def test_a_table_without_rows_is_its_heading() -> None:
    assert table_text([], COLUMNS) == "RUN ID  ROWS  MEAN  AT  REASON"


def test_json_keeps_every_key_and_type(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, ("run_id",), OutputFormat.JSON)

    read = json.loads(capsys.readouterr().out)
    assert read[0] == {
        "run_id": "r1",
        "rows": 12,
        "mean": 1.256,
        "at": "2026-01-01T12:00:00.000Z",
        "reason": None,
    }


def test_tsv_has_one_line_per_row_whatever_a_value_holds(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, COLUMNS, OutputFormat.TSV)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == list(COLUMNS)
    assert [len(line.split("\t")) for line in lines] == [5, 5, 5]
    assert lines[2].endswith("two lines and a tab")


@pytest.mark.parametrize("output", list(OutputFormat))
def test_fields_are_shown_in_every_format(output: OutputFormat, capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"day": date(2026, 1, 1), "names": ["a", "b"], "open": True}, output)

    shown = capsys.readouterr().out
    assert "2026-01-01" in shown
    assert "names" in shown


def test_what_is_not_data_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("hello")

    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\n")


@pytest.mark.parametrize("columns", ["200", "40"])
def test_a_terminal_too_narrow_for_a_table_has_a_line_for_each_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    names = ("run_id", "product", "state", "trigger", "created_at", "reason")
    row = ("20260101-120000-aaaa", "sales/orders", "failed", "landing", "2026-01-01 12:00:00Z", "[b]no rows")

    print_table(names, [name.upper() for name in names], [row], [False] * len(names))

    # No value is broken into pieces, and none is taken for markup.
    said = capsys.readouterr().out
    assert all(text in said for text in (*row, "RUN_ID"))


def test_json_says_what_stdout_cannot_write_in_escapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))

    show_json({"file": "zoë.csv"})

    assert json.loads(written.getvalue()) == {"file": "zoë.csv"}
