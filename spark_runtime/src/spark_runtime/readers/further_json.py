"""What is kept as JSON of columns and fields that are not declared: values alone, the same from every format."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spark_runtime.readers.records import TextArray, as_json, as_sound, loads

# What names a null or nothing at all is like this; so may others be.
_IN_QUESTION = r"^\{\}$|:null"


def without_nulls(kept: "TextArray | None") -> "TextArray | None":
    """Return what is kept of each row without what is null, and null for a row of which nothing is left.

    Some formats leave a null out, others spell it, and not all tell it from a column that is not there.
    """
    if kept is None:
        return None
    rows: list[Any] = pc.indices_nonzero(pc.match_substring_regex(kept, _IN_QUESTION)).to_pylist()
    if not rows:
        return kept
    texts: list[Any] = kept.to_pylist()
    for row in rows:
        values = {name: value for name, value in loads(texts[row]).items() if value is not None}
        texts[row] = as_json(values) if values else None
    return pa.array(texts, pa.string())


def with_further(
    kept: "TextArray | None", further: Mapping[int, Mapping[str, Any]], rows: int
) -> "TextArray | None":
    """Return what is kept of each row, with fields beside it that were found later."""
    if not further:
        return kept
    texts: list[Any] = kept.to_pylist() if kept is not None else [None] * rows
    for row, fields in further.items():
        columns: dict[str, Any] = loads(texts[row]) if texts[row] else {}
        texts[row] = as_sound(as_json({**columns, **fields}))
    return pa.array(texts, pa.string())
