"""What a node came to, in a form that does not depend on the engine: the verdict that both must agree on."""

import json
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import Row
from pyspark.sql.types import StructType

from spark_runtime.casts import canonical_type
from spark_runtime.result import NodeResult

# Engines' libraries differ in the last digits of a logarithm or a deviation.
DIGITS = 14


def verdict(result: NodeResult) -> dict[str, Any]:
    """Return what the result document says, without what differs from run to run."""
    if result.error is not None:
        return {"error": f"{result.error.code} {result.error.kind}"}
    found: dict[str, Any] = {"rows": [result.rows_read, result.rows_published, result.rows_quarantined]}
    if result.rules:
        found["rules"] = {rule.name: [rule.rows_checked, rule.rows_failed] for rule in result.rules}
    corrected = {rule.name: rule.rows_corrected for rule in result.rules if rule.rows_corrected is not None}
    if corrected:
        found["corrected"] = corrected
    if result.load is not None:
        found["load"] = str(result.load.mode)
    rejected = [file.reason for file in result.files if file.reason is not None]
    if rejected:
        found["rejected"] = len(rejected)
    return found


def table(rows: Sequence[Row], schema: StructType, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return columns with their types, and rows sorted by their text."""
    fields = [field for field in schema.fields if field.name not in without]
    shown = sorted(" | ".join(text(row[field.name]) for field in fields) for row in rows)
    types = ", ".join(f"{field.name} {canonical_type(field.dataType.simpleString())}" for field in fields)
    return {"columns": types, "table": shown}


def refused(rows: Sequence[Row]) -> list[str]:
    """Return what a quarantine says of rows, sorted; numbers in JSON as numbers, not as an engine spells them."""
    return sorted(f"{_ended(row)}{text(row['_rules'])} | {_as_document(row['_row'])}" for row in rows)


def _ended(row: Row) -> str:
    """Return by which runs a row was refused and taken out, for one that is no longer held."""
    return (
        "" if row["_state"] == "held" else f"{row['_state']} by {row['_ended_run']}, of {row['_run_id']} | "
    )


def _as_document(row: str) -> str:
    try:
        document = json.loads(row)
    except json.JSONDecodeError:
        return text(row)
    if len(row) > 2000:
        return text(row)
    return repr(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def text(value: Any) -> str:
    """Return a value as text that tells null from empty and one type from another."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 200 else f"{value[:20]!r}… {len(value)} characters"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"x{bytes(value).hex()}"
    if isinstance(value, Row):
        return f"({', '.join(text(item) for item in value)})"
    if isinstance(value, list):
        return f"[{', '.join(text(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{text(k)}: {text(v)}" for k, v in value.items())) + "}"
    return str(value)


def _number(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    # The sign of a zero is lost by some functions of some engines; it compares as equal.
    value = value or 0.0
    return f"{value:.{DIGITS}g}" + ("" if value % 1 or abs(value) > 1e13 else ".0")
