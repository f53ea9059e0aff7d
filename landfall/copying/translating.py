"""Data Factory's mapping of the answers of an API to the columns of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from landfall.copying.queries import name_at_source
from landfall.spec.model import Column

# Data Factory's interim types, which its Parquet files are written by.
_TYPES: Final[Mapping[str, str]] = {
    "boolean": "Boolean",
    "tinyint": "Int16",
    "smallint": "Int16",
    "int": "Int32",
    "bigint": "Int64",
    "float": "Single",
    "double": "Double",
    "decimal": "Decimal",
    "date": "DateTime",
    "timestamp": "DateTime",
    "timestamp_ntz": "DateTime",
}


def translator(columns: Sequence[Column], items: str | None, extension: str) -> dict[str, Any]:
    """Return what maps an answer to rows, empty where a document is copied as it is.

    Without a mapping Data Factory writes no Parquet from documents that are nested, and finds no rows within an answer.

    Args:
        items: JSON path of the rows in an answer, ``None`` if the answer is a row or a list of them.
        extension: ``parquet`` or ``json``.
    """
    if extension != "parquet" and items is None:
        return {}
    mapped = {
        "type": "TabularTranslator",
        "mappings": [_mapping(column, items, extension) for column in columns],
        "mapComplexValuesToString": extension == "parquet",
    }
    return mapped if items is None else {**mapped, "collectionReference": items}


def _mapping(column: Column, items: str | None, extension: str) -> dict[str, Any]:
    name = name_at_source(column).replace("'", "\\'")
    path = f"['{name}']"
    # Below a collection a path begins at the row, else at the answer.
    source = {"path": path if items is not None else f"${path}"}
    if extension != "parquet":
        return {"source": source, "sink": {"path": f"${path}"}}
    kind = _TYPES.get(column.type.partition("(")[0], "String")
    return {"source": source, "sink": {"name": name_at_source(column), "type": kind}}
