"""Values of a test as its YAML has them."""

import json
from collections.abc import Sequence
from typing import Any

from landfall.spec.model import Column
from landfall.spec.product_test_model import Row


def named_values(row: Row, columns: Sequence[Column]) -> list[Any]:
    """Return the values of a row in the order of columns; one that it leaves out is null."""
    by_name = {name.casefold(): value for name, value in row.items()}
    return [by_name.get(column.name.casefold()) for column in columns]


def value_text(value: Any) -> str | None:
    """Return a value as text, a nested one as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Without an exponent, which no column but a double takes.
        return f"{value:f}" if "e" in repr(value) else repr(value)
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


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
