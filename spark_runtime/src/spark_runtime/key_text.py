"""Text that stands for the values of a row's key: the same on every engine, and different for different keys."""

from collections.abc import Sequence

from spark_runtime.sql import quoted

_PLAIN = frozenset({"tinyint", "smallint", "int", "bigint", "boolean"})


def key_text(columns: Sequence[tuple[str, str]]) -> str:
    """Return SQL of a text, never null, that two rows share if and only if they share the key.

    Each value has its length in front, so that ("ab", "c") is not ("a", "bc"), and null is not the empty text.

    Args:
        columns: Name and type of each column of the key.

    Raises:
        ValueError: Engines write values of one of the types as text in different ways.
    """
    parts = []
    for name, kind in columns:
        text = _text(quoted(name), kind)
        if text is None:
            raise ValueError(
                f"column '{name}' of type {kind} cannot be part of a key: engines write its text differently; "
                "cast it to decimal(p,s), or take its parts"
            )
        length = f"CAST(length({text}) AS string)"
        parts.append(f"CASE WHEN {quoted(name)} IS NULL THEN '-' ELSE concat({length}, ':', {text}) END")
    return f"concat({', '.join(parts)})"


def _text(column: str, kind: str) -> str | None:
    if kind == "string":
        return column
    if kind in _PLAIN or kind.startswith("decimal"):
        return f"CAST({column} AS string)"
    # Moments as numbers: their text depends on time zones and on the digits an engine writes.
    if kind == "date":
        return f"CAST(unix_date({column}) AS string)"
    if kind in {"timestamp", "timestamp_ntz"}:
        return f"CAST(unix_micros(CAST({column} AS timestamp)) AS string)"
    return f"hex({column})" if kind == "binary" else None
