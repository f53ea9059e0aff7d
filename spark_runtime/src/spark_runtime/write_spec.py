"""How a node writes its table, as the node spec says it."""

from dataclasses import dataclass
from enum import StrEnum

from spark_runtime.spec_object import SpecObject


class WriteMode(StrEnum):
    APPEND = "append"
    OVERWRITE = "overwrite"
    MERGE = "merge"
    SCD1 = "scd1"
    SCD2 = "scd2"
    SNAPSHOT = "snapshot"
    REPLACE_PARTITIONS = "replace_partitions"


class SnapshotPer(StrEnum):
    """What a table has one copy of: each date on which runs began (UTC), or each run."""

    DATE = "date"
    RUN = "run"


# Modes that find rows again by their keys.
KEYED = frozenset({WriteMode.MERGE, WriteMode.SCD1, WriteMode.SCD2})


@dataclass(frozen=True, slots=True)
class Write:
    """How rows become part of the table.

    Attributes:
        keys: Columns that identify a row, for keyed modes.
        order_by: Column that says which of two rows with one key is newer; ``None`` lets the last write win.
        delete_when: SQL condition over the rows; one that meets it takes the row of its key away.
        valid_from: Column of ``scd2`` for the moment from which a version holds; of the type of ``order_by``.
        valid_to: Its column for the moment from which it holds no longer, null while it does.
        is_current: Its column that tells the version that holds now.
        partition_by: Columns whose values name the slices that ``replace_partitions`` replaces.
        snapshot_column: Column of ``snapshot`` that tells the copies apart.
    """

    mode: WriteMode
    keys: tuple[str, ...] = ()
    order_by: str | None = None
    delete_when: str | None = None
    valid_from: str = "valid_from"
    valid_to: str = "valid_to"
    is_current: str = "is_current"
    partition_by: tuple[str, ...] = ()
    snapshot_per: SnapshotPer = SnapshotPer.DATE
    snapshot_column: str = "snapshot_date"


def parse_write(item: SpecObject) -> Write:
    """Return what the ``write`` object of an output says; its faults are noted in the object."""
    write = Write(
        mode=item.choice("mode", WriteMode, WriteMode.APPEND),
        keys=item.texts("keys"),
        order_by=item.text("order_by", optional=True) or None,
        delete_when=item.text("delete_when", optional=True) or None,
        valid_from=item.text("valid_from", optional=True) or "valid_from",
        valid_to=item.text("valid_to", optional=True) or "valid_to",
        is_current=item.text("is_current", optional=True) or "is_current",
        partition_by=item.texts("partition_by", optional=True),
        snapshot_per=item.choice("snapshot_per", SnapshotPer, SnapshotPer.DATE, optional=True),
        snapshot_column=item.text("snapshot_column", optional=True) or "snapshot_date",
    )
    if write.mode in KEYED and not write.keys:
        item.fault("keys", f"mode {write.mode} needs at least one key column")
    if write.mode in {WriteMode.SCD1, WriteMode.SCD2} and write.order_by is None:
        item.fault("order_by", f"mode {write.mode} needs the column that says which of two rows is newer")
    if write.mode is WriteMode.REPLACE_PARTITIONS and not write.partition_by:
        item.fault("partition_by", "mode replace_partitions needs at least one column")
    item.refuse_unknown()
    return write
