"""Submissions under way: on record from before the Jobs API is asked until the id of the job run is.

The Jobs API may take a job whose submitter dies, or gets no answer, before it can write the id down. The record says
which token to ask for, so that the job of a node that has gone on without it can be found and ended.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import data_products, node_attempts, node_runs, open_submissions, packs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID, is_pack
from landfall.runs.states import FINAL_NODE_STATES, NodeState, PackState

_FOUND = "the Jobs API had taken it without anybody knowing; it was found by its token and cancelled"


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt of a node, or a pack by its key, that was about to be submitted; ``product`` is ``domain/name``."""

    run_id: RunID
    key: NodeKey
    attempt: int
    product: str
    timeout_s: int
    token: str

    @property
    def run_name(self) -> str:
        """What the workspace shows for its job run."""
        return f"{self.product} {self.key} {self.run_id}"


def _opening() -> sa.Insert:
    columns = open_submissions.c
    given = {
        column.name: sa.bindparam(f"new_{column.name}", type_=column.type)
        for column in open_submissions.columns
    }
    is_there = sa.exists(
        sa.select(columns.RunID).where(
            *(columns[name] == given[name] for name in ("RunID", "NodeKey", "Attempt"))
        )
    )
    return sa.insert(open_submissions).from_select(list(given), sa.select(*given.values()).where(~is_there))


OPEN_SUBMISSION = _opening()
"""Writes that an attempt is about to be submitted, with what :func:`opened` gives; repeating it changes nothing."""


def opened(submission: Submission, *, now: datetime) -> dict[str, Any]:
    """Return what ``OPEN_SUBMISSION`` writes."""
    return {
        "new_RunID": submission.run_id,
        "new_NodeKey": submission.key,
        "new_Attempt": submission.attempt,
        "new_IdempotencyKey": submission.token,
        "new_TimeoutS": submission.timeout_s,
        "new_OpenedAt": now,
    }


_CLOSE_SUBMISSION = sa.delete(open_submissions).where(
    open_submissions.c.RunID == sa.bindparam("run_id"),
    open_submissions.c.NodeKey == sa.bindparam("key"),
    open_submissions.c.Attempt == sa.bindparam("attempt"),
)


def close_submission(connection: sa.Connection, run_id: RunID, key: NodeKey, attempt: int) -> None:
    """Write that nobody has to look for the job run of an attempt any more."""
    connection.execute(_CLOSE_SUBMISSION, {"run_id": run_id, "key": key, "attempt": attempt})


def close_as_cancelled(
    connection: sa.Connection, submission: Submission, job_run_id: int, *, now: datetime
) -> None:
    """Write which job run an abandoned attempt had, now that it was cancelled."""
    close_submission(connection, submission.run_id, submission.key, submission.attempt)
    if is_pack(submission.key):
        # Its nodes have gone on to other packs; that of its job run stays on record.
        connection.execute(
            sa.update(packs)
            .where(packs.c.RunID == submission.run_id, packs.c.PackKey == submission.key)
            .values(JobRunID=job_run_id)
        )
        return
    this = sa.and_(
        node_attempts.c.RunID == submission.run_id,
        node_attempts.c.NodeKey == submission.key,
        node_attempts.c.Attempt == submission.attempt,
    )
    known = connection.execute(sa.select(node_attempts.c.JobRunID).where(this)).one_or_none()
    if known is None:
        connection.execute(
            sa.insert(node_attempts).values(
                RunID=submission.run_id,
                NodeKey=submission.key,
                Attempt=submission.attempt,
                IdempotencyKey=submission.token,
                JobRunID=job_run_id,
                State=NodeState.CANCELLED,
                Reason=_FOUND,
                SubmittedAt=now,
                FinishedAt=now,
            )
        )
    elif known.JobRunID is None:
        connection.execute(sa.update(node_attempts).where(this).values(JobRunID=job_run_id))


def abandoned_submissions(
    connection: sa.Connection, run_id: RunID | None = None, key: NodeKey | None = None
) -> tuple[Submission, ...]:
    """Return the submissions whose node has ended or is at a later attempt, or whose pack has ended, oldest first.

    Args:
        run_id: Only of this run; ``None`` means of all.
        key: Only of this node in it; ``None`` means of all.
    """
    opened = open_submissions
    query = (
        sa.select(opened, data_products.c.Domain, data_products.c.Name)
        .select_from(
            opened.outerjoin(
                node_runs,
                sa.and_(node_runs.c.RunID == opened.c.RunID, node_runs.c.NodeKey == opened.c.NodeKey),
            )
            .outerjoin(packs, sa.and_(packs.c.RunID == opened.c.RunID, packs.c.PackKey == opened.c.NodeKey))
            .join(runs, runs.c.RunID == opened.c.RunID)
            .join(data_products, data_products.c.DataProductID == runs.c.DataProductID)
        )
        .where(
            node_runs.c.State.in_(FINAL_NODE_STATES)
            | (node_runs.c.Attempt > opened.c.Attempt)
            | (packs.c.State == PackState.ENDED),
        )
        .order_by(opened.c.OpenedAt)
    )
    if run_id is not None:
        query = query.where(opened.c.RunID == run_id)
    if key is not None:
        query = query.where(opened.c.NodeKey == key)
    return tuple(
        Submission(
            run_id=RunID(row.RunID),
            key=NodeKey(row.NodeKey),
            attempt=row.Attempt,
            product=f"{row.Domain}/{row.Name}",
            timeout_s=row.TimeoutS,
            token=row.IdempotencyKey,
        )
        for row in connection.execute(query)
    )
