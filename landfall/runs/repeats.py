"""Runs whose rows another one writes again: all that repeat one run have its rows, and one of them at a time."""

from collections.abc import Iterable

import sqlalchemy as sa

from landfall.metadata.tables import runs
from landfall.runs.ids import RunID
from landfall.runs.requests import Trigger


def repeated_runs(
    connection: sa.Connection, product_id: int, run_id: RunID, trigger: str, former: RunID | None
) -> tuple[RunID, ...]:
    """Return the other runs that a replay stands for, or a rerun that goes on from one: its origin and all its repeats.

    A rerun of a run that is no replay itself stands for none: it adds to what is there.

    Args:
        former: The run that ``run_id`` executes again.
    """
    origin = _origin(connection, trigger, former)
    if origin is None:
        return ()
    found, newest = {origin}, {origin}
    while newest:
        again: Iterable[str] = connection.execute(
            sa.select(runs.c.RunID).where(
                # For its index; the runs that others repeat have none.
                runs.c.DataProductID == product_id,
                runs.c.RerunOf.in_(sorted(newest)),
                sa.or_(
                    runs.c.Trigger == Trigger.REPLAY,
                    sa.and_(runs.c.Trigger == Trigger.RERUN, runs.c.RerunOf != origin),
                ),
            )
        ).scalars()
        newest = {RunID(repeat) for repeat in again} - found
        found |= newest
    return tuple(sorted(found - {run_id}))


def _origin(connection: sa.Connection, trigger: str, former: RunID | None) -> RunID | None:
    """Return the run that others repeat one after another, up to this one; ``None`` if there was no replay."""
    origin = None
    while former is not None and trigger in (Trigger.REPLAY, Trigger.RERUN):
        if trigger == Trigger.REPLAY:
            origin = former
        row = connection.execute(
            sa.select(runs.c.Trigger, runs.c.RerunOf).where(runs.c.RunID == former)
        ).one_or_none()
        trigger, former = ("", None) if row is None else (row.Trigger, row.RerunOf)
    return origin
