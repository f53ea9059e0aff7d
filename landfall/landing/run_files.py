"""Which files a run has claimed, whatever other runs did with them later."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.landing.copies import copied_again
from landfall.landing.ledger import PendingFile, batches, newer_versions
from landfall.metadata.tables import landed_files, run_files
from landfall.runs.ids import RunID
from landfall.runs.states import FileState

# States of files that a run has done with, so that another one may take them in again.
ENDED = (FileState.DONE, FileState.REJECTED)


def former_runs_of_files(
    connection: sa.Connection, run_id: RunID, dataset: str
) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses of a run's files that former runs had claimed, by these runs.

    Their jobs may have written rows, even if they were reported as failed.
    """
    mine = run_files.alias("Mine")
    rows = connection.execute(
        sa.select(run_files.c.RunID, landed_files.c.Url)
        .select_from(
            mine.join(run_files, run_files.c.LandedFileID == mine.c.LandedFileID).join(
                landed_files, landed_files.c.LandedFileID == mine.c.LandedFileID
            )
        )
        .where(mine.c.RunID == run_id, run_files.c.RunID != run_id, landed_files.c.DataSetName == dataset)
        .order_by(run_files.c.RunID, landed_files.c.LandedFileID)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.RunID, []).append(row.Url)
    return {former: tuple(urls) for former, urls in found.items()}


def also_from_files(
    connection: sa.Connection, run_id: RunID, dataset: str, sources: Iterable[tuple[RunID, str]]
) -> None:
    """Write that a run has rows of files that former runs took in: whoever takes them in again replaces these rows.

    Args:
        sources: Run and ``abfss://`` address of a file of its own.
    """
    files_by_run: dict[RunID, set[str]] = {}
    for former, uri in sources:
        files_by_run.setdefault(former, set()).add(uri)
    found: set[int] = set()
    for former, uris in files_by_run.items():
        rows = connection.execute(
            sa.select(landed_files.c.LandedFileID, landed_files.c.Url)
            .select_from(
                landed_files.join(run_files, run_files.c.LandedFileID == landed_files.c.LandedFileID)
            )
            .where(run_files.c.RunID == former, landed_files.c.DataSetName == dataset)
        )
        found |= {row.LandedFileID for row in rows if parse_blob_url(row.Url).abfss() in uris}
    if found:
        connection.execute(
            sa.insert(run_files),
            [{"RunID": run_id, "LandedFileID": file_id} for file_id in sorted(found)],
        )


def files_of_run(connection: sa.Connection, run_id: RunID) -> tuple[PendingFile, ...]:
    """Return the files that a run claimed, in the order in which they landed."""
    rows = connection.execute(
        sa.select(landed_files.c.LandedFileID, landed_files.c.DataSetName)
        .select_from(landed_files.join(run_files, run_files.c.LandedFileID == landed_files.c.LandedFileID))
        .where(run_files.c.RunID == run_id)
        .order_by(landed_files.c.LandedFileID)
    )
    return tuple(PendingFile(row.LandedFileID, row.DataSetName) for row in rows)


def cannot_be_taken_again(connection: sa.Connection, files: Iterable[PendingFile]) -> Mapping[int, str]:
    """Return by file why another run cannot take it in again, for those with a reason."""
    reasons: dict[int, str] = {}
    for batch in batches([file.file_id for file in files]):
        rows = connection.execute(sa.select(landed_files).where(landed_files.c.LandedFileID.in_(batch))).all()
        newer = newer_versions(connection, rows)
        reasons |= copied_again(connection, rows)
        for row in rows:
            if row.State not in {*ENDED, FileState.PENDING}:
                reasons[row.LandedFileID] = f"it is {row.State}"
            elif row.LandedFileID in newer:
                reasons[row.LandedFileID] = f"file {newer[row.LandedFileID]} has replaced its content"
            elif row.SizeBytes == 0:
                reasons[row.LandedFileID] = "it is empty"
    return reasons


def put_back_ended(connection: sa.Connection, files: Iterable[PendingFile]) -> Mapping[int, str]:
    """Let files that have ended wait for a run again, those taken in included; return the state each had."""
    before: dict[int, str] = {}
    for batch in batches([file.file_id for file in files]):
        ended = sa.and_(landed_files.c.LandedFileID.in_(batch), landed_files.c.State.in_(ENDED))
        rows = connection.execute(sa.select(landed_files.c.LandedFileID, landed_files.c.State).where(ended))
        before |= {row.LandedFileID: row.State for row in rows}
        connection.execute(
            sa.update(landed_files)
            .where(ended)
            .values(State=FileState.PENDING, RunID=None, ClaimedAt=None, FinishedAt=None)
        )
    return before
