"""How answers are shown: data to stdout as table, JSON or TSV, everything else to stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from landfall.cli.terminal import is_for_people, print_table
from landfall.concealing import conceal, concealed

Row = Mapping[str, Any]

# Two spaces part the columns of a table, as in kubectl and docker: easy on the eye and on awk.
_GAP = "  "


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    TSV = "tsv"


Output = Annotated[
    OutputFormat,
    typer.Option(
        "--output", "-o", help="How to show the answer; json and tsv keep their keys between versions."
    ),
]


def show_rows(rows: Sequence[Row], columns: Sequence[str], output: OutputFormat) -> None:
    """Show rows of equal shape.

    Args:
        rows: What to show; a JSON answer holds every key of a row, the others the named columns only.
        columns: Keys to show, in this order.
        output: The format asked for.
    """
    if output is OutputFormat.JSON:
        show_json([dict(row) for row in rows])
    elif output is OutputFormat.TSV:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_flat(_plain(row.get(column))) for column in columns))
    elif is_for_people() and rows:
        print_table(columns, *_cells(rows, columns))
    else:
        print(table_text(rows, columns))


def show_fields(fields: Row, output: OutputFormat) -> None:
    """Show one object: a JSON object, or one line per field."""
    if output is OutputFormat.JSON:
        show_json(dict(fields))
    elif output is OutputFormat.TSV:
        for name, value in fields.items():
            print(f"{name}\t{_flat(_plain(value))}")
    else:
        width = max(map(len, fields), default=0)
        for name, value in fields.items():
            print(f"{name:<{width}}{_GAP}{_cell(value)}")


def show_json(value: Any) -> None:
    plain = not _writes_unicode()
    print(json.dumps(concealed(value), indent=2, ensure_ascii=plain, default=_json_value))


def _writes_unicode() -> bool:
    """Return whether stdout takes every character; where it takes ASCII only, JSON has escapes of its own."""
    return "utf" in (sys.stdout.encoding or "utf-8").lower()


def note(message: str = "") -> None:
    """Tell the person at the terminal something that is not data."""
    print(conceal(message), file=sys.stderr, flush=True)


def table_text(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Return rows as aligned text under a heading; numbers stand to the right, nothing is cut off."""
    heading, cells, numeric = _cells(rows, columns)
    widths = [max(map(len, column)) for column in zip(heading, *cells, strict=True)]

    def line(texts: Sequence[str]) -> str:
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)
        )
        return _GAP.join(aligned).rstrip()

    return "\n".join([line(heading), *map(line, cells)])


def _cells(rows: Sequence[Row], columns: Sequence[str]) -> tuple[list[str], list[list[str]], list[bool]]:
    """Return the heading, the text of each cell, and which columns hold numbers."""
    return (
        [column.upper().replace("_", " ") for column in columns],
        [[_counted(column, row.get(column)) for column in columns] for row in rows],
        [_is_numeric([row.get(column) for row in rows]) for column in columns],
    )


def clock(instant: datetime) -> str:
    """Return the time of day at this machine, to the tenth of a second."""
    local = instant.astimezone()
    return f"{local:%H:%M:%S}.{local.microsecond // 100_000}"


def _is_numeric(values: Sequence[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in present
    )


def _counted(column: str, value: object) -> str:
    # Rows run into millions and are read by people; a port or an id keeps its digits together.
    if column.startswith("rows") and isinstance(value, int):
        return f"{value:,}"
    return _cell(value)


def _cell(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return _flat(_plain(value))


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return _json_value(value)
    if isinstance(value, bool | Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_json_value)
    return str(value)


def _flat(text: str) -> str:
    # A value must not break its line or its column.
    return conceal(text).replace("\t", " ").replace("\r", "").replace("\n", " ")


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
