"""Where data comes from and where it goes: lineage, with the runs, files and refusals behind each dataset."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.traces import DatasetColumn
from landfall.metadata.catalog import is_among
from landfall.metadata.lineage import Direction, LineageLink, batches, columns_of, find_subject, walk
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, data_quality_results, landed_files, published_data_sets
from landfall.runs.states import FileState


@dataclass(frozen=True, slots=True)
class Origin:
    """How a dataset came to be what it is.

    Attributes:
        dataset: Full name, ``domain/product.dataset``.
        run_id: The run that published its current content.
        rows: Rows of the table after that run, ``None`` where the engine did not say.
        files: Landed files that this run took in for it; 0 for what a transformation builds.
        refused: Rows that its rules refused or warned of in that run, by rule.
    """

    dataset: str
    run_id: str
    published_at: datetime
    table_version: int | None
    rows: int | None
    files: int
    refused: dict[str, int]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What lineage says of one dataset or column.

    Attributes:
        columns: Those of the subject's dataset that lineage knows, sorted.
        links: Edges in one direction, nearest first.
        origins: Of the subject's dataset and of every dataset on the way that was ever published.
    """

    subject: DatasetColumn
    direction: Direction
    columns: tuple[str, ...]
    links: tuple[LineageLink, ...]
    origins: tuple[Origin, ...]

    def to_payload(self) -> dict[str, Any]:
        """Return the answer as API and command show it, who write instants each in their way."""
        return {
            "subject": str(self.subject),
            "direction": str(self.direction),
            "columns": list(self.columns),
            "links": [
                {
                    "depth": link.depth,
                    "source": str(link.source),
                    "target": str(link.target),
                    "kind": str(link.kind),
                }
                for link in self.links
            ],
            "origins": [asdict(origin) for origin in self.origins],
        }


def provenance(
    connection: sa.Connection,
    text: str,
    direction: Direction,
    *,
    depth: int | None = None,
    scope: Scope = EVERYTHING,
) -> Provenance:
    """Return the lineage of what ``text`` names.

    Args:
        text: ``dataset`` or ``domain/product.dataset``, with ``.column`` behind it or not.
        depth: Levels to follow, at least 1; ``None`` for all.
        scope: Of other domains only the ports are there, and nothing of what made them.

    Raises:
        DatasetNotApplied: No applied product has the dataset.
        AmbiguousDataset: Several products have a dataset of that name.
        UnknownColumn: The dataset has no such column.
    """
    subject = find_subject(connection, text, scope=scope)
    links = walk(connection, subject, direction, depth=depth, scope=scope)
    passed = [subject.dataset, *(end.dataset for link in links for end in (link.source, link.target))]
    own = [name for name in dict.fromkeys(passed) if scope.sees(name.partition("/")[0])]
    columns = tuple(sorted(columns_of(connection, subject.dataset)))
    return Provenance(subject, direction, columns, links, origins(connection, own))


def origins(connection: sa.Connection, datasets: Sequence[str]) -> tuple[Origin, ...]:
    """Return what made the current content of each dataset that was ever published, in the order given.

    Args:
        datasets: Full names, ``domain/product.dataset``; at most a few thousand.
    """
    published = _published(connection, {name.rpartition(".")[0] for name in datasets})
    found = [(name, published[name]) for name in datasets if name in published]
    run_ids = sorted({row.RunID for _, row in found})
    files = _files(connection, run_ids)
    refused = _refused(connection, run_ids)
    return tuple(
        Origin(
            dataset=name,
            run_id=row.RunID,
            published_at=row.PublishedAt,
            table_version=row.TableVersion,
            rows=row.Rows,
            files=files.get((row.RunID, row.DataSetName), 0),
            refused=refused.get((row.RunID, row.DataSetName), {}),
        )
        for name, row in found
    )


def _published(connection: sa.Connection, products: set[str]) -> dict[str, sa.Row[Any]]:
    """Return the newest publication of every dataset of some products, by full name."""
    rows: dict[str, sa.Row[Any]] = {}
    for some in batches(sorted(products)):
        query = (
            sa.select(published_data_sets, data_products.c.Domain, data_products.c.Name)
            .join_from(
                data_products,
                published_data_sets,
                published_data_sets.c.DataProductID == data_products.c.DataProductID,
            )
            .where(is_among(some))
        )
        rows.update({f"{row.Domain}/{row.Name}.{row.DataSetName}": row for row in connection.execute(query)})
    return rows


def _files(connection: sa.Connection, run_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for some in batches(run_ids):
        query = (
            sa.select(landed_files.c.RunID, landed_files.c.DataSetName, sa.func.count().label("Files"))
            .where(landed_files.c.RunID.in_(some), landed_files.c.State == FileState.DONE)
            .group_by(landed_files.c.RunID, landed_files.c.DataSetName)
        )
        counts.update(((row.RunID, row.DataSetName), row.Files) for row in connection.execute(query))
    return counts


def _refused(connection: sa.Connection, run_ids: Sequence[str]) -> dict[tuple[str, str], dict[str, int]]:
    results = data_quality_results.c
    refused: dict[tuple[str, str], dict[str, int]] = {}
    for some in batches(run_ids):
        query = (
            sa.select(results.RunID, results.DataSetName, results.RuleName, results.RowsFailed)
            .where(results.RunID.in_(some), results.RowsFailed > 0)
            .order_by(results.DataQualityResultID)
        )
        for row in connection.execute(query):
            refused.setdefault((row.RunID, row.DataSetName), {})[row.RuleName] = row.RowsFailed
    return refused
