"""Rows of a test as frames, and rows of tables as text that can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from landfall.spec.product_test_model import Row
from landfall.testing.places import Place
from landfall.testing.values import value_text
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


def frame_of(spark: SparkSession, rows: Sequence[Row], types: Mapping[str, str], place: Place) -> DataFrame:
    """Return rows of a test as a frame of the given columns; a column that a row leaves out is null.

    Args:
        types: Spark SQL type by column.

    Raises:
        WrongFixture: A row has another column, or a value that does not fit its column.
    """
    read = _read(spark, rows, types, place)
    for name, (number, message) in _misfits(read).items():
        value = next(value for key, value in rows[number - 1].items() if key.casefold() == name.casefold())
        raise place.wrong(
            message or f"{value!r} does not fit column '{name}' of type {types[name]}", row=number
        )
    return _typed(read, types)


def file_frame(
    spark: SparkSession, rows: Sequence[Row], types: Mapping[str, str], place: Place
) -> tuple[DataFrame, dict[str, str]]:
    """Return rows of a test as a frame for a file, and the types of its columns.

    These are the types given, but for columns with a value that does not fit: those are text.

    Raises:
        WrongFixture: A row has another column, or what is no text in a column of text.
    """
    read = _read(spark, rows, types, place)
    misfits = _misfits(read)
    kinds = {name: "string" if name in misfits else canonical_type(kind) for name, kind in types.items()}
    return _typed(read, kinds), kinds


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


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows as texts, with what their nested values are.

    Attributes:
        df: Columns ``c0``, ``c1`` … of text, ``number`` of the row from 1, and for nested ones those of the parser.
        texts: The same texts by row.
        types: Spark SQL type by column.
        nested: The columns of nested types.
    """

    df: DataFrame
    texts: Sequence[tuple[Any, ...]]
    types: Mapping[str, str]
    nested: Sequence[NestedColumn]


def _read(spark: SparkSession, rows: Sequence[Row], types: Mapping[str, str], place: Place) -> _Read:
    texts = []
    for number, row in enumerate(rows, 1):
        named: dict[str, str | None] = dict.fromkeys(types)
        for name, value in row.items():
            own = find_name(name, types)
            if own is None:
                raise place.wrong(f"there is no column '{name}'; there are {', '.join(types)}", row=number)
            if canonical_type(types[own]) == "string" and not isinstance(value, str | None):
                message = f"column '{own}' is text and {value!r} is not; write it in quotes"
                raise place.wrong(message, row=number)
            named[own] = value_text(value)
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
        plan = CellPlan(nested, Spelling(), {column.at: raw[column.at] for column in nested})
        df = df.mapInArrow(make_cell_reader(plan), _schema(columns | nested_columns(nested)))
    return _Read(df, texts, types, nested)


def _typed(read: _Read, types: Mapping[str, str]) -> DataFrame:
    """Return the rows with columns of these types: their own, or text."""
    values = (
        f"c{at}" if kind == "string" else _conversion(at, kind).value
        for at, kind in enumerate(types.values())
    )
    return read.df.selectExpr(
        *(f"{value} AS {quoted(name)}" for value, name in zip(values, types, strict=True))
    )


def _schema(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _conversion(at: int, kind: str) -> Conversion:
    # What does not fit was found before; nothing is lost here.
    return (
        Conversion(f"_lf_n{at}", None)
        if canonical_type(kind).startswith(_NESTED)
        else from_text(f"c{at}", kind)
    )


def _misfits(read: _Read) -> dict[str, tuple[int, str]]:
    """Return the first row whose value does not fit, and what is wrong with it if that is known, by column."""
    found: dict[str, tuple[int, str]] = {}
    for column in read.nested:
        told = enumerate(told_misfits([row[column.at] for row in read.texts], column, Spelling()), 1)
        first = next(((number, words) for number, words in told if words is not None), None)
        if first is not None:
            found[column.name] = first
    conversions = {name: _conversion(at, kind) for at, (name, kind) in enumerate(read.types.items())}
    lost = {name: item.lost for name, item in conversions.items() if item.lost is not None and read.texts}
    if lost:
        firsts = read.df.selectExpr(
            *(
                f"min(CASE WHEN {condition} THEN number END) AS l{at}"
                for at, condition in enumerate(lost.values())
            )
        ).collect()[0]
        found |= {name: (first, "") for name, first in zip(lost, firsts, strict=True) if first is not None}
    return found


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
