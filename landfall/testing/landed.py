"""What a test gives for a dataset that lands, as the files that would land."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from landfall.planning.definition import column_definition
from landfall.spec.landing_patterns import captured_types
from landfall.spec.model import Column, Dataset, FileFormat, Source
from landfall.spec.product_test_model import Given, GivenFile, Row
from landfall.testing.places import Place
from landfall.testing.text_files import file_text
from landfall.testing.typed_files import write_typed
from landfall.testing.values import inferred_types
from landfall.testing.workbooks import write_workbook

_TEXTS = frozenset({FileFormat.CSV, FileFormat.JSON, FileFormat.FIXED, FileFormat.XML})


def landed_input(
    spark: SparkSession, given: Given, dataset: Dataset, source: Source, folder: Path, place: Place
) -> dict[str, Any]:
    """Write what is given for a landed dataset as its source would, and return the input of its node.

    Args:
        folder: Where it lands; is made.

    Raises:
        WrongFixture: The format cannot hold what is given.
    """
    folder.mkdir(parents=True)
    file_format = source.format or FileFormat.CSV
    files = _written(spark, given, dataset, source, folder, place)
    return {
        "kind": "files",
        "name": dataset.name,
        "format": file_format.value,
        "options": dict(source.options),
        "files": [
            {"uri": f"file://{path}", "etag": "test", "size_bytes": path.stat().st_size} for path in files
        ],
        "columns": [column_definition(column) for column in dataset.columns],
        "drift": dataset.schema_drift.value,
        # What is given has no path to take values from.
        "captured": [
            {"name": name, "type": kind} for name, kind in captured_types(dataset.landing or "").items()
        ],
    }


def _written(
    spark: SparkSession, given: Given, dataset: Dataset, source: Source, folder: Path, place: Place
) -> list[Path]:
    file_format = source.format or FileFormat.CSV
    path = folder / f"{dataset.name}.{file_format.value}"
    if isinstance(given, GivenFile):
        # Its name says how it is packed.
        path = folder / given.path.name
        if file_format is FileFormat.DELTA:
            shutil.copytree(given.path, path)
        else:
            shutil.copyfile(given.path, path)
    elif isinstance(given, str):
        _write_text(given, path, source, place)
    else:
        columns = _columns(dataset, given)
        if file_format in _TEXTS:
            _write_text(file_text(given, columns, source, place), path, source, place)
        elif file_format is FileFormat.EXCEL:
            write_workbook(given, columns, source.options, path, place)
        else:
            write_typed(spark, given, columns, file_format, path, place)
    return sorted((path / "_delta_log").glob("*.json")) if file_format is FileFormat.DELTA else [path]


def _columns(dataset: Dataset, rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return the columns of a file: those declared, and further ones that rows have."""
    known = {column.name.casefold() for column in dataset.columns}
    further = [
        Column(name, kind) for name, kind in inferred_types(rows).items() if name.casefold() not in known
    ]
    return (*dataset.columns, *further)


def _write_text(text: str, path: Path, source: Source, place: Place) -> None:
    try:
        path.write_text(text, encoding=str(source.options.get("encoding", "utf-8")), newline="")
    except UnicodeEncodeError as error:
        raise place.wrong(str(error)) from error
