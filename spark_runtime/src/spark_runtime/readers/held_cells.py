"""The function that the engine calls for rows in quarantine: nested values from texts, as strictly as from a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from spark_runtime.readers.further_json import with_further
from spark_runtime.readers.nested import NestedColumn, Spelling, as_nested


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What to make of the texts of rows.

    Attributes:
        texts: By number of a nested column, which column of the rows holds its text.
        extra: Which of them holds further fields as JSON; ``None`` where they are not kept.
    """

    nested: Sequence[NestedColumn]
    spelling: Spelling
    texts: Mapping[int, str]
    extra: str | None = None


def make_cell_reader(plan: CellPlan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for ``mapInArrow``; it adds the columns of ``parse.nested_columns``."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _read(batch, plan)

    return read


def told_misfits(texts: Sequence[str | None], column: NestedColumn, spelling: Spelling) -> list[str | None]:
    """Return in words, per text, which parts of it do not fit; ``None`` where all do."""
    found = as_nested(pa.array(texts, pa.string()), column, spelling)
    told: list[str | None] = found.told.to_pylist()
    return told


def _read(batch: pa.RecordBatch, plan: CellPlan) -> pa.RecordBatch:
    columns: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
    further: dict[int, dict[str, Any]] = {}
    for column in plan.nested:
        found = as_nested(columns[plan.texts[column.at]], column, plan.spelling)
        at = column.at
        columns |= {f"_lf_n{at}": found.values, f"_lf_e{at}": found.misfits, f"_lf_d{at}": found.told}
        for row, fields in found.further.items():
            further.setdefault(row, {}).update(fields)
    if plan.extra is not None and further:
        columns[plan.extra] = with_further(columns[plan.extra], further, batch.num_rows)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
