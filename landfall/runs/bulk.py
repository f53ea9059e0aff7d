"""Acts on every run that meets a filter: each run in a transaction of its own, with what became of it."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import sqlalchemy as sa

from landfall.errors import ErrorKind, LandfallError
from landfall.metadata.catalog import get_current_product
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, run_requests, runs
from landfall.runs.closing import CancelledRun, cancel_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.rerunning import Rerun, check_rerun, request_rerun
from landfall.runs.states import FINAL_RUN_STATES, RunState
from landfall.spec.model import OnFailure, Product

MOST_RUNS = 50
"""Runs of one act; ``following`` says where the next one goes on."""

CANCELLABLE = frozenset(RunState) - FINAL_RUN_STATES
RERUNNABLE = FINAL_RUN_STATES
_NOT_SUCCEEDED = frozenset({RunState.FAILED, RunState.CANCELLED})


@dataclass(frozen=True, slots=True)
class RunChoice:
    """The runs that an act is about.

    Attributes:
        product: ``domain/name``; ``None`` takes the runs of all.
        state: ``None`` takes those that the act is meant for: open ones for a cancel, for a rerun those that
            failed or were cancelled.
        since: Runs created from then on.
        after: Only runs with a later id, to go on behind a former act.
        scope: Whose runs may be acted on.
    """

    product: str | None = None
    state: RunState | None = None
    since: datetime | None = None
    after: RunID | None = None
    scope: Scope = EVERYTHING


class Outcome(StrEnum):
    """What became of a run, or would: the act was done, or the run was left as it is."""

    DONE = "done"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class ActedRun:
    """A run that was chosen.

    Attributes:
        state: In which it was found.
        reason: Why it was left.
        request_id: The request for its rerun.
    """

    run_id: RunID
    product: str
    state: RunState
    outcome: Outcome = Outcome.DONE
    reason: str | None = None
    request_id: RequestID | None = None

    def left(self, reason: str) -> "ActedRun":
        return replace(self, outcome=Outcome.LEFT, reason=reason)


@dataclass(frozen=True, slots=True)
class BulkActed:
    """What one act did, or would do.

    Attributes:
        following: Id behind which more runs may meet the filter; ``None`` if there are none.
        cancelled: Runs whose jobs have to end.
        start: Products whose coordinators have to be started.
    """

    runs: tuple[ActedRun, ...]
    following: RunID | None
    cancelled: tuple[CancelledRun, ...] = ()
    start: tuple[Product, ...] = ()


def cancel_runs(
    database: Database, choice: RunChoice, *, actor: str, now: datetime, dry_run: bool = False
) -> BulkActed:
    """Cancel every run that goes on and meets the filter, the oldest first.

    Raises:
        UnknownProduct: The product was never applied.
    """
    rows, following = database.read(lambda connection: _find(connection, choice, CANCELLABLE))
    acted: list[ActedRun] = []
    cancelled: list[CancelledRun] = []
    for row in rows:
        run = _run(row)
        if row.CancelRequestedBy is not None:
            acted.append(run.left(f"{row.CancelRequestedBy} asked for its end before"))
            continue
        if not dry_run:
            try:
                cancelled.append(
                    database.transact(partial(cancel_run, run_id=run.run_id, actor=actor, now=now))
                )
            except LandfallError as error:
                # It ended meanwhile; what refuses all runs ends the act.
                acted.append(_refused(run, error))
                continue
        acted.append(run)
    return BulkActed(tuple(acted), following, cancelled=tuple(cancelled))


def rerun_runs(
    database: Database,
    choice: RunChoice,
    *,
    from_failed: bool,
    newest: bool,
    on_failure: OnFailure | None = None,
    actor: str,
    now: datetime,
    dry_run: bool = False,
) -> BulkActed:
    """Ask for a rerun of every run that has ended and meets the filter, the oldest first.

    A run that was rerun before is left as it is, so repeating the act asks for nothing twice.

    Args:
        from_failed: Only what did not succeed; without it, as in a rerun of one run.
        newest: On the metadata applied now.

    Raises:
        UnknownProduct: The product was never applied.
    """
    states = RERUNNABLE if choice.state is not None else _NOT_SUCCEEDED
    rows, following = database.read(lambda connection: _find(connection, choice, states))
    before = database.read(lambda connection: _rerun_before(connection, [row.RunID for row in rows]))
    acted: list[ActedRun] = []
    start: dict[str, Product] = {}
    for row in rows:
        run = _run(row)
        if run.run_id in before:
            acted.append(run.left(before[run.run_id]))
            continue
        rerun = Rerun(run.run_id, from_failed=from_failed, newest=newest)
        try:
            if dry_run:
                database.read(partial(check_rerun, rerun=rerun))
                acted.append(run)
                continue
            asked = database.transact(
                partial(
                    request_rerun,
                    rerun=rerun,
                    request_id=_request_id(run.run_id),
                    on_failure=on_failure,
                    actor=actor,
                    now=now,
                )
            )
        except LandfallError as error:
            acted.append(_refused(run, error))
            continue
        if asked.start_coordinator:
            start[asked.product.key] = asked.product
        acted.append(replace(run, request_id=asked.request_id))
    return BulkActed(tuple(acted), following, start=tuple(start.values()))


def _find(
    connection: sa.Connection, choice: RunChoice, states: Collection[RunState]
) -> tuple[Sequence[sa.Row[Any]], RunID | None]:
    """Return the chosen runs in the order of their ids, as many as one act takes, and the last id if there are more."""
    query = (
        sa.select(
            runs.c.RunID,
            runs.c.State,
            runs.c.CancelRequestedBy,
            data_products.c.Domain,
            data_products.c.Name,
        )
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(
            runs.c.State.in_([choice.state] if choice.state is not None else sorted(states)),
            choice.scope.rows(),
        )
        .order_by(runs.c.RunID)
        .limit(MOST_RUNS + 1)
    )
    if choice.product is not None:
        product_id = get_current_product(connection, choice.product).product_id
        query = query.where(runs.c.DataProductID == product_id)
    if choice.since is not None:
        query = query.where(runs.c.CreatedAt >= choice.since)
    if choice.after is not None:
        query = query.where(runs.c.RunID > choice.after)
    rows = connection.execute(query).all()
    following = RunID(rows[MOST_RUNS - 1].RunID) if len(rows) > MOST_RUNS else None
    return rows[:MOST_RUNS], following


def _rerun_before(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """Return, of the runs that somebody has asked to run again, what came of that."""
    wanted = {_request_id(run_id): run_id for run_id in run_ids}
    found = {
        wanted[row.RequestID]: f"a rerun was asked for before, as request {row.RequestID}"
        + (f", and ended: {row.Reason}" if row.Reason else "")
        for row in connection.execute(
            sa.select(run_requests.c.RequestID, run_requests.c.Reason).where(
                run_requests.c.RequestID.in_(list(wanted))
            )
        )
    }
    again = connection.execute(
        sa.select(runs.c.RerunOf, runs.c.RunID)
        .where(runs.c.RerunOf.in_(run_ids))
        .order_by(runs.c.CreatedAt, runs.c.RunID)
    )
    return found | {row.RerunOf: f"run {row.RunID} has taken it up again" for row in again}


def _request_id(run_id: str) -> RequestID:
    """Return the one id that a bulk rerun of a run has, so that asking twice is asking once."""
    return RequestID(hashlib.sha256(f"bulk rerun of {run_id}".encode()).hexdigest()[:32])


def _run(row: sa.Row[Any]) -> ActedRun:
    return ActedRun(RunID(row.RunID), f"{row.Domain}/{row.Name}", RunState(row.State))


def _refused(run: ActedRun, error: LandfallError) -> ActedRun:
    """Return a run that was refused, with the reason; what is no refusal of this run is raised again."""
    if error.kind is not ErrorKind.REFUSED:
        raise error
    return run.left(str(error))
