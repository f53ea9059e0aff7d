"""Whether what a transformation yields can be written as it says, and the columns that the write adds."""

from dataclasses import replace

from landfall.spec.frames import ColumnType, Frame
from landfall.spec.model import SnapshotPer, Write, WriteMode
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path, Report, check_columns, check_condition

_KEYED = frozenset({WriteMode.MERGE, WriteMode.SCD1, WriteMode.SCD2})
_UNORDERED = ("array<", "map<", "struct<", "boolean", "binary")
_PARTITION_TYPES = frozenset({"string", "boolean", "tinyint", "smallint", "int", "bigint", "date"})


def added_columns(write: Write, frame: Frame | None) -> dict[str, ColumnType]:
    """Return the columns that a write adds to those it is given, with their types."""
    if write.mode is WriteMode.SCD2:
        moment = frame.type_of(write.order_by or "") if frame is not None else None
        return {write.valid_from: moment, write.valid_to: moment, write.is_current: "boolean"}
    if write.mode is WriteMode.SNAPSHOT:
        return {write.snapshot_column: "date" if write.snapshot_per is SnapshotPer.DATE else "string"}
    return {}


def frame_of_table(write: Write, frame: Frame | None) -> Frame | None:
    """Return the columns of the table that a write makes of a frame, ``None`` where they are not known."""
    if frame is None:
        return None
    # The runtime tells the rows of runs apart in an appended table by the columns it adds itself.
    has_load_columns = write.mode is WriteMode.APPEND
    return replace(frame.with_columns(added_columns(write, frame)), has_load_columns=has_load_columns)


def check_write(write: Write, frame: Frame | None, report: Report) -> None:
    """Report what a write says of columns that are not there or not of its kind; places are keys of ``write``."""
    check_columns(write.keys, frame, ("keys",), report)
    check_columns(write.partition_by, frame, ("partition_by",), report)
    if write.delete_when is not None:
        check_condition(write.delete_when, frame, ("delete_when",), report, "delete_when")
    if frame is None:
        return
    for name in write.keys:
        _check_compared(name, frame, ("keys",), report)
    for name in write.partition_by:
        kind = frame.type_of(name)
        if kind is not None and kind not in _PARTITION_TYPES:
            message = (
                f"'{name}' is {kind}, and partitions are told apart by text, whole numbers, dates or booleans"
            )
            report(("partition_by",), SqlProblem("LF1045", message, "derive a column such as a date from it"))
    taken = [name for name in added_columns(write, frame) if name in frame]
    if taken:
        message = f"mode {write.mode.value} adds the column '{taken[0]}', which the steps yield already"
        report(("mode",), SqlProblem("LF1052", message, "give one of the two another name"))
    if write.mode in _KEYED and write.order_by is not None:
        _check_order(write.order_by, frame, report)


def _check_order(order_by: str, frame: Frame, report: Report) -> None:
    check_columns([order_by], frame, ("order_by",), report)
    kind = frame.type_of(order_by)
    if kind is not None and kind.startswith(_UNORDERED):
        message = f"'{order_by}' is {kind}, which says of no row that it is newer"
        report(("order_by",), SqlProblem("LF1045", message, "name a number, date, timestamp or text"))
    for name in frame:
        _check_compared(name, frame, ("order_by",), report)


def _check_compared(name: str, frame: Frame, path: Path, report: Report) -> None:
    kind = frame.type_of(name)
    if kind is not None and "map<" in kind:
        message = f"column '{name}' is {kind}, and maps cannot be compared"
        report(path, SqlProblem("LF1045", message, "drop it, or turn it into map_entries(…)"))
