"""What of its first input a node reads, as the node spec says it."""

from dataclasses import dataclass

from spark_runtime.spec_object import SpecObject


@dataclass(frozen=True, slots=True)
class TableState:
    """One version of one table.

    Attributes:
        stamp: When its commit was made, as the table's log has it; tells it from a later table at the address.
    """

    version: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Restate:
    """Rows that are read again each time: those of the last ``days`` before the newest value of a date column."""

    column: str
    days: int


@dataclass(frozen=True, slots=True)
class Load:
    """An incremental node reads what is new in its first input; all other inputs are read whole.

    Attributes:
        since: What it last built from; ``None`` has it read everything.
        reason: Why it reads everything, if it does.
        groups: Columns of the first input; of a group that new rows belong to all rows are read.
    """

    since: TableState | None
    reason: str
    groups: tuple[str, ...]
    restate: Restate | None


def parse_load(item: SpecObject) -> Load:
    """Return what the ``load`` object of a spec says; its faults are noted in the object."""
    since, restate = item.optional_object("since"), item.optional_object("restate")
    load = Load(
        since=None if since is None else TableState(since.integer("version"), since.text("stamp")),
        reason=item.text("reason", optional=True, may_be_empty=True),
        groups=item.texts("groups", optional=True),
        restate=None
        if restate is None
        else Restate(restate.text("column"), restate.integer("days", minimum=1)),
    )
    for part in (item, since, restate):
        if part is not None:
            part.refuse_unknown()
    return load
