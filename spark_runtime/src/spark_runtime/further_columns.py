"""Columns beside the declared ones: those that files bring, those a table has kept, and where they may go."""

from collections.abc import Iterable, Mapping

from spark_runtime.casts import canonical_type
from spark_runtime.column_spec import Column
from spark_runtime.errors import UnsupportedOption
from spark_runtime.frame import LOAD_COLUMNS, MARKS, find_name
from spark_runtime.input_spec import Drift, FilesInput
from spark_runtime.job import Job
from spark_runtime.landed_files import find_columns
from spark_runtime.reader_options import read_options
from spark_runtime.readers.blocks import TextBlock
from spark_runtime.readers.records import clean_name
from spark_runtime.spec import NodeSpec

RESCUED = "_rescued"
_WHOLE = ("tinyint", "smallint", "int", "bigint")


def further_columns(job: Job, source: FilesInput, blocks: Mapping[int, TextBlock]) -> tuple[Column, ...]:
    """Return the columns to read that are not declared; there are some only where the schema may evolve.

    What the table has already keeps its type. A new column takes the type that the files give it, text where they
    know no types or do not agree.

    Args:
        blocks: See ``read_landed_files``.

    Raises:
        UnsupportedOption: Columns are told by their place, so that new ones have no names.
    """
    if source.drift is not Drift.EVOLVE:
        return ()
    if read_options(source).by_position or source.options.get("header") is False:
        raise UnsupportedOption(
            f"source of '{source.name}': schema_drift evolve needs files that name their columns; use discard or rescue"
        )
    declared = [column.name for column in (*source.columns, *source.captured)]
    read = [column.source_name or column.name for column in source.columns]
    kept = _kept(job, source)
    found: dict[str, set[str]] = {}
    names = {name.casefold(): name for name in kept}
    for name, kind in find_columns(job, source, blocks):
        cleaned = clean_name(name)
        if find_name(name.strip(), read) is None and find_name(cleaned, declared) is None:
            own = names.setdefault(cleaned.casefold(), cleaned)
            found.setdefault(own, set()).add(canonical_type(kind))
    new = {name: _common_type(kinds) for name, kinds in found.items() if name not in kept}
    return tuple(Column(name, kind) for name, kind in {**kept, **new}.items())


def kept_columns(job: Job, source: FilesInput) -> tuple[Column, ...]:
    """Return the columns that are not declared and that the table has from files of before."""
    if source.drift is not Drift.EVOLVE:
        return ()
    return tuple(Column(name, kind) for name, kind in _kept(job, source).items())


def _kept(job: Job, source: FilesInput) -> dict[str, str]:
    declared = [column.name for column in (*source.columns, *source.captured)]
    return {
        name: kind
        for name, kind in (job.tables.types(job.spec.output.uri) or {}).items()
        if name.casefold() not in LOAD_COLUMNS and find_name(name, declared) is None
    }


def may_be_added(spec: NodeSpec, column: str) -> bool:
    """Whether a column that the node's table lacks is added to it, null in the rows that are there."""
    if column in MARKS:
        return True
    for source in (item for item in spec.inputs if isinstance(item, FilesInput)):
        if source.drift is Drift.EVOLVE or (source.drift is Drift.RESCUE and column == RESCUED):
            return True
        # A landed table cannot be written as a whole, so what is declared later has to come into it like this.
        if any(item.name == column and item.nullable for item in (*source.columns, *source.captured)):
            return True
    return False


def _common_type(kinds: Iterable[str]) -> str:
    distinct = set(kinds)
    if len(distinct) == 1:
        return distinct.pop()
    return max(distinct, key=_WHOLE.index) if distinct <= set(_WHOLE) else "string"
