"""Whether rows fit the table they go to; engines do not agree on what happens where they do not."""

from collections.abc import Mapping

from spark_runtime.casts import same_type
from spark_runtime.errors import ColumnMismatch
from spark_runtime.frame import find_name
from spark_runtime.further_columns import may_be_added
from spark_runtime.job import Job
from spark_runtime.spec import NodeKind, NodeSpec


def require_same_columns(job: Job, uri: str, types: Mapping[str, str]) -> None:
    """Create the table, add the columns that may be added, or refuse to write columns it does not have.

    Engines do not agree on this: what one refuses the other drops without a word.

    Raises:
        ColumnMismatch: The table has other columns.
    """
    name = job.spec.output.name
    existing = job.tables.types(uri)
    if existing is None:
        job.tables.create_if_missing(uri, types)
        return
    new = {
        column: kind
        for column, kind in types.items()
        if find_name(column, existing) is None and may_be_added(job.spec, column)
    }
    if new:
        job.tables.add_columns(uri, new)
        existing = job.tables.types(uri) or {}
    faults = [f"no column '{column}' in the table" for column in types if find_name(column, existing) is None]
    for column, kind in existing.items():
        own = find_name(column, types)
        if own is None:
            faults.append(f"the table's column '{column}' is missing")
        elif not same_type(types[own], kind):
            faults.append(f"'{column}' is {types[own]} and in the table {kind}")
    if faults:
        raise ColumnMismatch(
            f"{name}: the rows do not fit the table at {uri}: {'; '.join(faults)}. {_way_out(job.spec)}"
        )


def _way_out(spec: NodeSpec) -> str:
    if spec.kind is NodeKind.INGEST:
        return (
            "Change the declared columns back (new ones are added if they may be null), or give the dataset another "
            "name, and so a new table."
        )
    if spec.output.write.order_by is not None:
        # What readers do not see lies in a table of its own, which an overwrite leaves as it is.
        return "Change its columns back, or give the dataset another name, and so a new table."
    return "Change its columns back, or write once with mode overwrite to give the table its new columns."


def require_column(job: Job, name: str, types: Mapping[str, str], purpose: str) -> str:
    """Return the column that ``name`` means, whatever its case.

    Raises:
        ColumnMismatch: There is none.
    """
    found = find_name(name, types)
    if found is None:
        raise ColumnMismatch(
            f"{job.spec.output.name}: there is no column '{name}' {purpose}; there are {', '.join(types)}"
        )
    return found
