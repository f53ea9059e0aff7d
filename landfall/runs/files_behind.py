"""Which landed files a version of a dataset was made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.lineage.traces import ALL_COLUMNS, DatasetColumn
from landfall.metadata.catalog import get_current_product, is_among
from landfall.metadata.lineage import Direction, batches, find_subject, walk
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import (
    data_products,
    landed_files,
    node_runs,
    published_data_sets,
    run_files,
    runs,
)
from landfall.planning.graph import ingest_key
from landfall.runs.states import FileState, NodeState

FILES_SHOWN = 1_000
# Each takes some parameters, of which SQL Server takes at most 2,100 in one statement.
_DATASETS_AT_ONCE = 100


class UnknownTableVersion(LandfallError):
    """No run that is kept published this version of a table."""

    code = "LF2106"

    def __init__(self, dataset: str, version: int) -> None:
        super().__init__(
            f"{dataset} has no version {version}, or the run that published it is no longer kept "
            "(retention.runs). `landfall lineage` with the dataset alone shows its current version."
        )


@dataclass(frozen=True, slots=True)
class FileBehind:
    """A landed file whose rows a version may hold.

    Attributes:
        dataset: Full name of the dataset it landed for.
        run_id: The last run that took it in, of those that the version can hold.
    """

    file_id: int
    dataset: str
    url: str
    size_bytes: int
    landed_at: datetime
    run_id: str


def files_behind(
    connection: sa.Connection,
    text: str,
    *,
    version: int | None = None,
    scope: Scope = EVERYTHING,
    limit: int = FILES_SHOWN,
) -> tuple[FileBehind, ...]:
    """Return the files that were taken in upstream of a dataset until the run that published it, newest first.

    Files of runs that are no longer kept are not among them. Nothing for a dataset that was never published.

    Args:
        version: Of the table; the current one unless given.

    Raises:
        DatasetNotApplied: No applied product has the dataset.
        AmbiguousDataset: Several products have a dataset of that name.
        UnknownTableVersion: No run that is kept published this version.
    """
    subject = DatasetColumn(find_subject(connection, text, scope=scope).dataset, ALL_COLUMNS)
    if version is None:
        until = _current_opened_at(connection, subject.dataset)
    else:
        until = _version_opened_at(connection, subject.dataset, version)
    if until is None:
        return ()
    links = walk(connection, subject, Direction.UPSTREAM, scope=scope)
    # Files land where nothing is built.
    built = {link.target.dataset for link in links}
    names = {subject.dataset, *(link.source.dataset for link in links)} - built
    own = sorted(name for name in names if scope.sees(name.partition("/")[0]))
    products = _product_ids(connection, {name.rpartition(".")[0] for name in own})
    datasets = [(name, products[key]) for name in own if (key := name.rpartition(".")[0]) in products]
    found = [
        file
        for start in range(0, len(datasets), _DATASETS_AT_ONCE)
        for file in _taken_in(connection, datasets[start : start + _DATASETS_AT_ONCE], until, limit)
    ]
    return tuple(sorted(found, key=lambda file: (file.landed_at, file.file_id), reverse=True)[:limit])


def _product_ids(connection: sa.Connection, keys: set[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for some in batches(sorted(keys)):
        rows = connection.execute(
            sa.select(data_products.c.DataProductID, data_products.c.Domain, data_products.c.Name).where(
                is_among(some)
            )
        )
        ids.update({f"{row.Domain}/{row.Name}": row.DataProductID for row in rows})
    return ids


def _taken_in(
    connection: sa.Connection, datasets: Sequence[tuple[str, int]], until: datetime, limit: int
) -> Iterator[FileBehind]:
    """Yield the newest files of datasets that runs opened until an instant read, whatever became of them later.

    Args:
        datasets: Full name of each, and the id of its product.
    """
    # Of each dataset no more than is shown, so that none is read to its end because others land more often.
    newest = [sa.select(_newest(name, product_id, until, limit).subquery()) for name, product_id in datasets]
    together = sa.union_all(*newest).subquery()
    rows = connection.execute(
        sa.select(together).order_by(together.c.LandedAt.desc(), together.c.LandedFileID.desc()).limit(limit)
    )
    for row in rows:
        yield FileBehind(row.LandedFileID, row.FullName, row.Url, row.SizeBytes, row.LandedAt, row.LastRunID)


def _newest(dataset: str, product_id: int, until: datetime, limit: int) -> sa.Select[Any]:
    name = dataset.rpartition(".")[2]
    # Looked up file by file, the newest first, so that no more of a long history is read than is shown.
    taken_in = sa.exists().where(
        node_runs.c.RunID == run_files.c.RunID,
        node_runs.c.NodeKey == ingest_key(name),
        node_runs.c.State == NodeState.SUCCEEDED,
    )
    last_run = (
        sa.select(sa.func.max(run_files.c.RunID))
        .where(
            run_files.c.LandedFileID == landed_files.c.LandedFileID,
            # What the ledger says of a file is what its last run made of it.
            (landed_files.c.State == FileState.DONE) | (landed_files.c.RunID != run_files.c.RunID),
            sa.exists().where(runs.c.RunID == run_files.c.RunID, runs.c.CreatedAt <= until),
            taken_in,
        )
        .scalar_subquery()
    )
    return (
        sa.select(
            landed_files.c.LandedFileID,
            landed_files.c.Url,
            landed_files.c.SizeBytes,
            landed_files.c.LandedAt,
            sa.literal(dataset).label("FullName"),
            last_run.label("LastRunID"),
        )
        .where(
            landed_files.c.DataProductID == product_id,
            landed_files.c.DataSetName == name,
            last_run.is_not(None),
        )
        .order_by(landed_files.c.LandedAt.desc(), landed_files.c.LandedFileID.desc())
        .limit(limit)
    )


def _current_opened_at(connection: sa.Connection, dataset: str) -> datetime | None:
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


def _version_opened_at(connection: sa.Connection, dataset: str, version: int) -> datetime:
    """Return when the run was opened that published a version of a dataset, by the node that builds it now."""
    key, _, name = dataset.rpartition(".")
    product = get_current_product(connection, key).product
    built_by = [item.name for item in product.transformations if item.output.dataset == name]
    said = sa.func.JSON_VALUE if connection.dialect.name == "mssql" else sa.func.json_extract
    opened_at: datetime | None = connection.execute(
        sa.select(runs.c.CreatedAt)
        .select_from(
            runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID).join(
                node_runs, node_runs.c.RunID == runs.c.RunID
            )
        )
        .where(
            data_products.c.Domain + "/" + data_products.c.Name == key,
            node_runs.c.NodeKey == (built_by[0] if built_by else ingest_key(name)),
            node_runs.c.State == NodeState.SUCCEEDED,
            sa.cast(said(node_runs.c.Result, "$.output.version"), sa.BigInteger) == version,
        )
        .order_by(runs.c.CreatedAt.desc())
        .limit(1)
    ).scalar_one_or_none()
    if opened_at is None:
        raise UnknownTableVersion(dataset, version)
    return opened_at
