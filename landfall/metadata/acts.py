"""What operators do to products and landed files, with author and instant; acts on runs are in RunEvents."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import operator_acts


class Act(StrEnum):
    REPLAY = "replay"
    RERUN = "rerun"
    PAUSE = "pause"
    RESUME = "resume"
    BACKFILL = "backfill"
    CANCEL = "cancel"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class FileAct:
    """An act on one landed file; ``before`` is the state it was in."""

    file_id: int
    product_id: int
    before: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """An act as it was written."""

    act: Act
    occurred_at: datetime
    actor: str
    before: str | None
    detail: str | None


def record_file_acts(
    connection: sa.Connection, act: Act, files: Sequence[FileAct], *, actor: str, now: datetime
) -> None:
    """Write one act on each of ``files``."""
    if files:
        connection.execute(
            sa.insert(operator_acts),
            [
                {
                    "Act": act,
                    "DataProductID": file.product_id,
                    "LandedFileID": file.file_id,
                    "FromState": file.before,
                    "OccurredAt": now,
                    "Actor": actor,
                    "Detail": file.detail,
                }
                for file in files
            ],
        )


def record_product_act(
    connection: sa.Connection, act: Act, product_id: int, *, actor: str, now: datetime, detail: str | None
) -> None:
    """Write an act on a product."""
    connection.execute(
        sa.insert(operator_acts).values(
            Act=act, DataProductID=product_id, OccurredAt=now, Actor=actor, Detail=detail
        )
    )


def acts_on_product(connection: sa.Connection, product_id: int) -> tuple[RecordedAct, ...]:
    """Return what was done to a product as a whole, in order; acts on its files are left out."""
    rows = connection.execute(
        sa.select(operator_acts)
        .where(operator_acts.c.DataProductID == product_id, operator_acts.c.LandedFileID.is_(None))
        .order_by(operator_acts.c.OperatorActID)
    )
    return tuple(_act(row) for row in rows)


def acts_on_files(
    connection: sa.Connection, file_ids: Collection[int]
) -> Mapping[int, tuple[RecordedAct, ...]]:
    """Return what was done to landed files, in order, by file; nothing of those to which nothing was done.

    Args:
        file_ids: At most as many as one statement takes parameters, 2,000.
    """
    found: dict[int, tuple[RecordedAct, ...]] = {}
    for row in connection.execute(
        sa.select(operator_acts)
        .where(operator_acts.c.LandedFileID.in_(file_ids))
        .order_by(operator_acts.c.OperatorActID)
    ):
        found[row.LandedFileID] = (*found.get(row.LandedFileID, ()), _act(row))
    return found


def _act(row: sa.Row[Any]) -> RecordedAct:
    return RecordedAct(Act(row.Act), row.OccurredAt, row.Actor, row.FromState, row.Detail)
