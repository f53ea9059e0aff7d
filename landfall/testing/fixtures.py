"""Rows of a test as tables and files, and rows of tables as text that can be compared."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from landfall.errors import LandfallError
from landfall.spec.model import Column, FileFormat, Source
from landfall.spec.product_tests import Row
from spark_runtime.casts import Conversion, canonical_type, from_text
from spark_runtime.frame import find_name
from spark_runtime.readers.held_cells import CellPlan, make_cell_reader, told_misfits
from spark_runtime.readers.nested import NestedColumn, Spelling
from spark_runtime.readers.parse import nested_columns
from spark_runtime.sql import quoted

_NESTED = ("array<", "map<", "struct<")
_FLOATS = ("float", "double")

# A value as it is compared and shown: the engine's own text of it, null as None.
ShownRow = dict[str, str | None]


class WrongFixture(LandfallError):
    """A test gives or expects a value that its column cannot hold, or a column that is not there."""

    code = "LF6401"


def frame_of(spark: SparkSession, rows: Sequence[Row], types: Mapping[str, str], where: str) -> DataFrame:
    """Return rows of a test as a frame of the given columns; a column that a row leaves out is null.

    Args:
        types: Spark SQL type by column.
        where: What the rows are, for messages.

    Raises:
        WrongFixture: A row has another column, or a value that does not fit its column.
    """
    texts = []
    for number, row in enumerate(rows, 1):
        named: dict[str, str | None] = dict.fromkeys(types)
        for name, value in row.items():
            own = find_name(name, types)
            if own is None:
                raise WrongFixture(
                    f"{where}, row {number}: there is no column '{name}'; there are {', '.join(types)}"
                )
            if canonical_type(types[own]) == "string" and not isinstance(value, str | None):
                raise WrongFixture(
                    f"{where}, row {number}: column '{own}' is text and {value!r} is not; write it in quotes"
                )
            named[own] = _text(value)
        texts.append((*named.values(), number))
    raw = [f"c{at}" for at in range(len(types))]
    columns = dict.fromkeys(raw, "string") | {"number": "int"}
    df = spark.createDataFrame(texts, _schema(columns))
    nested = [
        NestedColumn(at, name, canonical_type(kind))
        for at, (name, kind) in enumerate(types.items())
        if canonical_type(kind).startswith(_NESTED)
    ]
    if nested:
        for column in nested:
            _require_parts([row[column.at] for row in texts], column, where)
        plan = CellPlan(nested, Spelling(), {column.at: raw[column.at] for column in nested})
        df = df.mapInArrow(make_cell_reader(plan), _schema(columns | nested_columns(nested)))
    conversions = [_conversion(at, kind) for at, kind in enumerate(types.values())]
    _require_fitting(df, types, conversions, rows, where)
    return df.selectExpr(
        *(f"{item.value} AS {quoted(name)}" for item, name in zip(conversions, types, strict=True))
    )


def shown_rows(df: DataFrame, types: Mapping[str, str]) -> list[ShownRow]:
    """Return the rows of a frame as text, doubles to nine digits; instants are in UTC.

    Args:
        types: The columns to show and their types.
    """
    kinds = {name: canonical_type(kind) for name, kind in types.items()}
    chosen = df.selectExpr(
        *(f"{_shown(quoted(name), kind)} AS {quoted(name)}" for name, kind in kinds.items())
    )
    rows = []
    for row in chosen.collect():
        values: ShownRow = {}
        for at, (name, kind) in enumerate(kinds.items()):
            value = row[at]
            if value is not None and kind in _FLOATS:
                # The last digits of a mean depend on the order of the rows, and rows have none. Adding 0 makes -0 0.
                value = f"{float(value) + 0.0:.9g}"
            values[name] = value
        rows.append(values)
    return rows


def file_text(rows: Sequence[Row], columns: Sequence[Column], source: Source, where: str) -> str:
    """Return rows as the text of a file as its source writes it.

    Raises:
        WrongFixture: The format cannot hold a value.
    """
    written = {column.name.casefold(): column.source_name or column.name for column in columns}
    if source.format is FileFormat.JSON:
        objects = ({written.get(name.casefold(), name): value for name, value in row.items()} for row in rows)
        return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)
    if source.format is not FileFormat.CSV:
        raise WrongFixture(
            f"{where}: rows cannot be written as {source.format}; give the text of the file if the format is text, and "
            "test what is built from it with rows of its table otherwise"
        )
    options = source.options
    quote = str(options.get("quote", '"'))
    text = io.StringIO()
    try:
        writer = csv.writer(
            text,
            delimiter=str(options.get("delimiter", ",")),
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            lineterminator="\n",
        )
        names = [column.name for column in columns]
        if options.get("header", True):
            writer.writerow([written[name.casefold()] for name in names])
        for row in rows:
            by_name = {name.casefold(): value for name, value in row.items()}
            writer.writerow([_text(by_name.get(name.casefold())) for name in names])
    except (csv.Error, TypeError) as error:
        raise WrongFixture(
            f"{where}: these rows cannot be written as {source.format} ({error}); give the text of the file instead"
        ) from error
    return text.getvalue()


def inferred_types(rows: Sequence[Row]) -> dict[str, str]:
    """Return types of columns of which nothing is declared, from how their values are written."""
    types: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            kind = _inferred_type(value)
            known = types.get(name)
            types[name] = "double" if {known, kind} == {"bigint", "double"} else known or kind
    return types


def _inferred_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint"
    return "double" if isinstance(value, float) else "string"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Without an exponent, which no column but a double takes.
        return f"{value:f}" if "e" in repr(value) else repr(value)
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


def _schema(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _conversion(at: int, kind: str) -> Conversion:
    # What does not fit was found before; nothing is lost here.
    return (
        Conversion(f"_lf_n{at}", None)
        if canonical_type(kind).startswith(_NESTED)
        else from_text(f"c{at}", kind)
    )


def _require_parts(texts: Sequence[Any], column: NestedColumn, where: str) -> None:
    """Raise ``WrongFixture`` for the first row of which a part of a nested value does not fit."""
    for number, told in enumerate(told_misfits(texts, column, Spelling()), 1):
        if told is not None:
            raise WrongFixture(f"{where}, row {number}: {told}")


def _require_fitting(
    df: DataFrame,
    types: Mapping[str, str],
    conversions: Sequence[Conversion],
    rows: Sequence[Row],
    where: str,
) -> None:
    lost = {
        name: item.lost
        for name, item in zip(types, conversions, strict=True)
        if item.lost is not None and rows
    }
    if not lost:
        return
    firsts = df.selectExpr(
        *(
            f"min(CASE WHEN {condition} THEN number END) AS l{at}"
            for at, condition in enumerate(lost.values())
        )
    ).collect()[0]
    for name, first in zip(lost, firsts, strict=True):
        if first is not None:
            value = next(value for key, value in rows[first - 1].items() if key.casefold() == name.casefold())
            raise WrongFixture(
                f"{where}, row {first}: {value!r} does not fit column '{name}' of type {types[name]}"
            )


def _shown(column: str, kind: str) -> str:
    if kind in _FLOATS:
        return f"CAST({column} AS double)"
    if kind.startswith(_NESTED):
        # Of {"v":[1]} the list; engines write only structs and maps as JSON by themselves.
        as_json = f"to_json(named_struct('v', {column}))"
        return f"CASE WHEN {column} IS NOT NULL THEN substring({as_json}, 6, length({as_json}) - 6) END"
    if kind == "binary":
        return f"hex({column})"
    return f"CAST({column} AS string)"
