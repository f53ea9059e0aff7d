"""Column lineage as SQL has it, walked upstream or downstream."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.lineage.datasets import full_name
from landfall.lineage.edges import DependencyKind
from landfall.lineage.traces import ALL_COLUMNS, DatasetColumn
from landfall.metadata.catalog import get_dataset
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import column_lineage, data_products
from landfall.spec.faults import nearest_remedy

# SQL Server takes 2,100 parameters per statement.
_NAMES_PER_QUERY = 1_000


class UnknownColumn(LandfallError):
    """A dataset has no such column, as far as its product says."""

    code = "LF2105"

    def __init__(self, dataset: str, column: str, known: Iterable[str]) -> None:
        remedy = nearest_remedy(column, known, "`landfall lineage` with the dataset alone lists its columns")
        super().__init__(f"{dataset} has no column {column!r}; {remedy}.")


class Direction(StrEnum):
    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True)
class LineageLink:
    """One edge on the way from where a walk began.

    Attributes:
        depth: Steps from the beginning, counted from 1.
        kind: Whether the target is made of the source, or the source decides which rows the target has; its
            column is then ``*``.
    """

    depth: int
    source: DatasetColumn
    target: DatasetColumn
    kind: DependencyKind


def walk(
    connection: sa.Connection,
    start: DatasetColumn,
    direction: Direction,
    *,
    depth: int | None = None,
    scope: Scope = EVERYTHING,
) -> tuple[LineageLink, ...]:
    """Return the edges that lead to a dataset or column, or away from it, nearest first, each once.

    Reads the current version of each product, one query per level. An edge is followed from the column it
    leads to; ``*`` stands for all columns of its dataset.

    Args:
        start: A column, or ``*`` for all columns of a dataset or of its quarantine table.
        depth: Levels to follow, at least 1; ``None`` for all.
        scope: An edge is there if both of its ends are seen; of other domains, these are the ports.
    """
    ends = _ENDS[direction]
    ids: set[int] = set()
    # One value for each end: equal ones are then compared by their identity first.
    known: dict[tuple[str, str], DatasetColumn] = {}
    links: list[LineageLink] = []
    frontier = {(start.dataset, start.column)}
    reached = set(frontier)
    level = 0
    while frontier and level != depth:
        level += 1
        far: set[tuple[str, str]] = set()
        for edge in _edges_at(connection, frontier, ends, scope):
            if edge[0] in ids:
                continue
            ids.add(edge[0])
            source, target = (edge[1], edge[2]), (edge[3], edge[4])
            for end in (source, target):
                if end not in known:
                    known[end] = DatasetColumn(*end)
            links.append(LineageLink(level, known[source], known[target], _KINDS[edge[5]]))
            far.add(source if ends.far == 0 else target)
        frontier = far - reached
        reached |= frontier
    return tuple(links)


def find_subject(connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING) -> DatasetColumn:
    """Return the dataset or column that ``text`` names, in full; ``*`` where it names a dataset.

    Args:
        text: ``dataset`` or ``domain/product.dataset``, with ``.column`` behind it or not.

    Raises:
        DatasetNotApplied: No applied product has the dataset.
        AmbiguousDataset: Several products have a dataset of that name.
        UnknownColumn: The dataset has no such column.
    """
    product, slash, names = text.rpartition("/")
    # In domain/product.dataset.column the first dot ends the product's name.
    parts = names.split(".")
    wanted = parts[: 2 if slash else 1]
    column = ".".join(parts[len(wanted) :])
    of_product, dataset = get_dataset(connection, f"{product}{slash}{'.'.join(wanted)}", scope=scope)
    full = full_name(of_product.key, dataset.name)
    if not column:
        return DatasetColumn(full, ALL_COLUMNS)
    known = {name.casefold(): name for name in columns_of(connection, full)}
    known |= {item.name.casefold(): item.name for item in dataset.columns}
    if column.casefold() not in known:
        raise UnknownColumn(full, column, sorted(known.values()))
    return DatasetColumn(full, known[column.casefold()])


def columns_of(connection: sa.Connection, dataset: str) -> frozenset[str]:
    """Return the columns of a dataset that lineage knows of, as a source or as a target."""
    names: set[str] = set()
    for of_dataset, of_column in (
        (column_lineage.c.SourceDataSet, column_lineage.c.SourceColumn),
        (column_lineage.c.TargetDataSet, column_lineage.c.TargetColumn),
    ):
        query = sa.select(of_column).join_from(column_lineage, data_products, _is_current()).distinct()
        names.update(connection.execute(query.where(of_dataset == dataset)).scalars())
    return frozenset(names - {ALL_COLUMNS})


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where an edge, read as source and target with their columns, has the ends that a walk goes from and to."""

    near: int
    far: int


_ENDS = {Direction.UPSTREAM: _Ends(near=2, far=0), Direction.DOWNSTREAM: _Ends(near=0, far=2)}
_EDGE = (
    column_lineage.c.SourceDataSet,
    column_lineage.c.SourceColumn,
    column_lineage.c.TargetDataSet,
    column_lineage.c.TargetColumn,
    column_lineage.c.Kind,
)
_KINDS = {str(kind): kind for kind in DependencyKind}


def _edges_at(
    connection: sa.Connection, frontier: set[tuple[str, str]], ends: _Ends, scope: Scope
) -> Iterator[Any]:
    """Yield the edges that touch one of the columns with their near end: their id, then the values of ``_EDGE``."""
    columns: dict[str, set[str]] = {}
    for dataset, column in frontier:
        columns.setdefault(dataset, set()).add(column)
    at = 1 + ends.near
    for names in batches(sorted(columns)):
        query = (
            sa.select(column_lineage.c.ColumnLineageID, *_EDGE)
            .join_from(column_lineage, data_products, _is_current())
            .where(_EDGE[ends.near].in_(names), scope.named_datasets(_EDGE[ends.far]))
            .order_by(column_lineage.c.ColumnLineageID)
        )
        for row in connection.execute(query).all():
            wanted, own = columns[row[at]], row[at + 1]
            # `*` is all columns, on either side.
            if own in wanted or own == ALL_COLUMNS or ALL_COLUMNS in wanted:
                yield row


def batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield names in parts that fit into one statement."""
    for start in range(0, len(names), _NAMES_PER_QUERY):
        yield names[start : start + _NAMES_PER_QUERY]


def _is_current() -> sa.ColumnElement[bool]:
    return (data_products.c.DataProductID == column_lineage.c.DataProductID) & (
        data_products.c.CurrentVersion == column_lineage.c.MetadataVersion
    )
