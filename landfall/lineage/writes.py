"""Where the columns of a table come from after rows were written to it, beside what the steps say."""

from landfall.lineage.steps import expression_origins
from landfall.lineage.traces import Trace
from landfall.spec.model import Write, WriteMode


def trace_of_table(write: Write, trace: Trace) -> Trace:
    """Return where the columns of a table come from, and what decides which rows it keeps.

    Args:
        trace: Of the rows that are written.
    """
    decides = trace.origins_of(write.keys)
    if write.order_by is not None:
        decides |= trace.origins(write.order_by)
    if write.delete_when is not None:
        decides |= expression_origins(write.delete_when, trace)
    table = trace.by_rows(decides)
    # Of a table whose columns are not known none is named: those that the write adds would look like all.
    if write.mode is WriteMode.SCD2 and write.order_by is not None and trace.columns:
        added = (write.valid_from, write.valid_to, write.is_current)
        table = table.with_columns(dict.fromkeys(added, trace.origins(write.order_by)))
    return table
