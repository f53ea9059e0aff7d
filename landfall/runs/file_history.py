"""What became of a landed file: each version of its path, the runs that took it in, and what people did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from landfall.landing.queries import LandedFile, versions_of_file
from landfall.metadata.acts import RecordedAct, acts_on_files
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import landed_files, node_runs, run_files, runs
from landfall.planning.graph import ingest_key
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState


@dataclass(frozen=True, slots=True)
class Intake:
    """A run that claimed a file.

    Attributes:
        node: The node that takes the file in.
        node_state: ``None`` if the run has no such node.
        files: How many files the run claimed, of all its datasets.
        rows_read: Rows of all files that the node took in together, ``None`` until it has ended with a result.
    """

    run_id: RunID
    run_state: RunState
    created_at: datetime
    node: NodeKey
    node_state: NodeState | None
    files: int
    rows_read: int | None
    rows_published: int | None
    rows_quarantined: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version of a file with the runs that claimed it, newest first, and what people did to it, in order."""

    file: LandedFile
    intakes: tuple[Intake, ...]
    acts: tuple[RecordedAct, ...]

    @property
    def taken_in(self) -> Intake | None:
        """What the run that the file names made of it; runs that judged its refused rows again are others."""
        return next((intake for intake in self.intakes if intake.run_id == self.file.run_id), None)


def file_history(
    connection: sa.Connection, file_id: int, *, scope: Scope = EVERYTHING
) -> tuple[FileVersion, ...]:
    """Return every version of the path of a landed file, the newest first.

    Raises:
        UnknownFile: No file has that id.
    """
    return histories(connection, versions_of_file(connection, file_id, scope=scope))


def histories(connection: sa.Connection, files: Sequence[LandedFile]) -> tuple[FileVersion, ...]:
    """Return landed files with the runs that claimed them and what people did to them, in the order given."""
    ids = [file.file_id for file in files]
    intakes = _intakes(connection, ids)
    acts = acts_on_files(connection, ids)
    return tuple(
        FileVersion(file, intakes.get(file.file_id, ()), acts.get(file.file_id, ())) for file in files
    )


def _intakes(connection: sa.Connection, file_ids: Sequence[int]) -> Mapping[int, tuple[Intake, ...]]:
    of_run = run_files.alias("OfRun")
    files = sa.select(sa.func.count()).where(of_run.c.RunID == runs.c.RunID).scalar_subquery()
    rows = connection.execute(
        sa.select(
            run_files.c.LandedFileID,
            landed_files.c.DataSetName,
            runs.c.RunID,
            runs.c.State,
            runs.c.CreatedAt,
            files.label("Files"),
            node_runs.c.State.label("NodeState"),
            node_runs.c.RowsRead,
            node_runs.c.RowsPublished,
            node_runs.c.RowsQuarantined,
            node_runs.c.Reason,
        )
        .select_from(
            run_files.join(landed_files, landed_files.c.LandedFileID == run_files.c.LandedFileID)
            .join(runs, runs.c.RunID == run_files.c.RunID)
            .outerjoin(
                node_runs,
                (node_runs.c.RunID == runs.c.RunID)
                & (
                    node_runs.c.NodeKey == sa.literal(ingest_key(""), sa.Unicode) + landed_files.c.DataSetName
                ),
            )
        )
        .where(run_files.c.LandedFileID.in_(file_ids))
        .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
    )
    found: dict[int, tuple[Intake, ...]] = {}
    for row in rows:
        intake = Intake(
            run_id=RunID(row.RunID),
            run_state=RunState(row.State),
            created_at=row.CreatedAt,
            node=ingest_key(row.DataSetName or ""),
            node_state=NodeState(row.NodeState) if row.NodeState else None,
            files=row.Files,
            rows_read=row.RowsRead,
            rows_published=row.RowsPublished,
            rows_quarantined=row.RowsQuarantined,
            reason=row.Reason,
        )
        found[row.LandedFileID] = (*found.get(row.LandedFileID, ()), intake)
    return found
