"""Which landed files the current version of a dataset was made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.traces import ALL_COLUMNS, DatasetColumn
from landfall.metadata.lineage import Direction, batches, find_subject, walk
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, landed_files, published_data_sets, runs
from landfall.runs.states import FileState

FILES_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class FileBehind:
    """A landed file whose rows a version may hold.

    Attributes:
        dataset: Full name of the dataset it landed for.
        run_id: The run that took it in.
    """

    file_id: int
    dataset: str
    url: str
    size_bytes: int
    landed_at: datetime
    run_id: str

    def to_payload(self) -> dict[str, Any]:
        """Return the file as API and command show it."""
        return {
            "file_id": self.file_id,
            "dataset": self.dataset,
            "url": self.url,
            "size_bytes": self.size_bytes,
            "landed_at": self.landed_at.isoformat(),
            "run_id": self.run_id,
        }


def files_behind(
    connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING, limit: int = FILES_SHOWN
) -> tuple[FileBehind, ...]:
    """Return the files that were taken in upstream of a dataset until the run that published it, newest first.

    Nothing for a dataset that was never published.

    Raises:
        DatasetNotApplied: No applied product has the dataset.
        AmbiguousDataset: Several products have a dataset of that name.
    """
    subject = DatasetColumn(find_subject(connection, text, scope=scope).dataset, ALL_COLUMNS)
    until = _opened_at(connection, subject.dataset)
    if until is None:
        return ()
    links = walk(connection, subject, Direction.UPSTREAM, scope=scope)
    names = {subject.dataset, *(link.source.dataset for link in links)}
    own = sorted(name for name in names if scope.sees(name.partition("/")[0]))
    full = data_products.c.Domain + "/" + data_products.c.Name + "." + landed_files.c.DataSetName
    found: list[FileBehind] = []
    for some in batches(own):
        rows = connection.execute(
            sa.select(landed_files, full.label("FullName"))
            .select_from(
                landed_files.join(
                    data_products, data_products.c.DataProductID == landed_files.c.DataProductID
                ).join(runs, runs.c.RunID == landed_files.c.RunID)
            )
            .where(full.in_(some), landed_files.c.State == FileState.DONE, runs.c.CreatedAt <= until)
            .order_by(landed_files.c.LandedFileID.desc())
            .limit(limit)
        )
        found += [
            FileBehind(row.LandedFileID, row.FullName, row.Url, row.SizeBytes, row.LandedAt, row.RunID)
            for row in rows
        ]
    return tuple(sorted(found, key=lambda file: -file.file_id)[:limit])


def _opened_at(connection: sa.Connection, dataset: str) -> datetime | None:
    """Return when the run was opened that published the current version of a dataset."""
    key, _, name = dataset.rpartition(".")
    opened_at: datetime | None = connection.execute(
        sa.select(runs.c.CreatedAt)
        .select_from(
            published_data_sets.join(
                data_products, data_products.c.DataProductID == published_data_sets.c.DataProductID
            ).join(runs, runs.c.RunID == published_data_sets.c.RunID)
        )
        .where(
            data_products.c.Domain + "/" + data_products.c.Name == key,
            published_data_sets.c.DataSetName == name,
        )
    ).scalar_one_or_none()
    return opened_at
