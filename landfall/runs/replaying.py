"""Replays: a new run that repeats a former one with exactly its files, metadata and configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import PendingFile
from landfall.landing.run_files import cannot_be_taken_again, files_of_run
from landfall.metadata.catalog import CurrentProduct, get_product_version
from landfall.metadata.tables import runs
from landfall.planning.plan import Plan
from landfall.runs.former import ActedOnQuarantine, get_ended_run, get_former_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import Requested, RunRequest, Trigger, request_run


class FilesGone(LandfallError):
    """Files that a run had cannot be taken in again, so it cannot be repeated as it was."""

    code = "LF3213"

    def __init__(self, run_id: str, reasons: Mapping[int, str]) -> None:
        shown = "; ".join(f"file {file_id}: {reason}" for file_id, reason in list(reasons.items())[:5])
        super().__init__(
            f"Run {run_id} cannot be repeated as it was, for {len(reasons)} of its files cannot be taken in again: "
            f"{shown}. `landfall runs rerun {run_id}` builds on what is there."
        )
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class PlannedReplay:
    """What a replay executes: all that its former run had pinned.

    Attributes:
        current: The product in the version of the former run.
        settings: Columns of Runs to copy.
    """

    former: RunID
    current: CurrentProduct
    plan: Plan
    files: tuple[PendingFile, ...]
    settings: Mapping[str, Any]


def request_replay(
    connection: sa.Connection,
    run_id: RunID,
    *,
    request_id: RequestID,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
) -> Requested:
    """Ask for a replay: a request like any other, which the product's coordinator answers.

    Raises:
        UnknownRun: There is no such run.
        RunGoesOn: It has not ended.
        FilesGone: Not every file that it had can be taken in again.
        ActedOnQuarantine: It acted on rows in quarantine.
    """
    former = get_ended_run(connection, run_id)
    if former.acts_on_quarantine([node.key for node in former.plan.nodes]):
        raise ActedOnQuarantine(run_id)
    reasons = cannot_be_taken_again(connection, files_of_run(connection, run_id))
    if reasons:
        raise FilesGone(run_id, reasons)
    request = RunRequest(
        product=former.product,
        trigger=Trigger.REPLAY,
        requested_by=actor,
        parameters={"replay": run_id},
        idempotency_key=idempotency_key,
    )
    return request_run(connection, request, request_id=request_id, now=now)


def plan_replay(connection: sa.Connection, current: CurrentProduct, run_id: RunID) -> PlannedReplay:
    """Return what a replay executes; nothing is written.

    Raises:
        FilesGone: A file was replaced since the replay was asked for.
    """
    former = get_former_run(connection, run_id)
    files = files_of_run(connection, run_id)
    reasons = cannot_be_taken_again(connection, files)
    if reasons:
        raise FilesGone(run_id, reasons)
    pinned = get_product_version(connection, current.product_id, former.version)
    return PlannedReplay(
        former=run_id,
        current=CurrentProduct(current.product_id, former.version, pinned),
        plan=former.plan,
        files=files,
        settings=former.settings,
    )


def pin_as_before(connection: sa.Connection, run_id: RunID, planned: PlannedReplay) -> None:
    """Give a new run the settings that its former run had pinned."""
    connection.execute(
        sa.update(runs).where(runs.c.RunID == run_id).values(RerunOf=planned.former, **planned.settings)
    )
