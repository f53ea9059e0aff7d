"""The datasets of all products: how old each is, and what its rules found when they last looked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import (
    data_products,
    data_quality_results,
    data_sets,
    published_data_sets,
)
from landfall.runs.ids import RunID
from landfall.spec.model import Layer, Severity


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What the rules of a dataset found the last time.

    Attributes:
        rules: Rules that looked.
        broken: Rules that some rows broke, of whatever severity.
        refused: Broken rules that keep rows from consumers.
    """

    checked_at: datetime
    rules: int
    broken: int
    refused: int


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """One dataset as it is applied now.

    Attributes:
        product: ``domain/name``.
        landing: Where its files land; ``None`` for what a transformation builds.
        published_at: When its current content was published; ``None`` if it never was.
        rows: Rows that this run published, as far as the engine said.
        run_id: The run that published it.
        last_check: ``None`` if no rule has looked at it yet.
    """

    product: str
    name: str
    description: str
    layer: Layer
    landing: str | None
    published_at: datetime | None
    rows: int | None
    run_id: RunID | None
    last_check: LastCheck | None

    @property
    def full_name(self) -> str:
        """``domain/product.dataset``."""
        return f"{self.product}.{self.name}"


@dataclass(frozen=True, slots=True)
class DatasetFilter:
    """Which datasets a list is about: those that meet every field given.

    Attributes:
        product: ``domain/name``.
        name: The whole name of the dataset.
        contains: Part of the name of the dataset or its product.
        broken: Only those of which a rule was broken when it last looked.
    """

    product: str | None = None
    name: str | None = None
    layer: Layer | None = None
    contains: str | None = None
    broken: bool = False


def list_datasets(
    connection: sa.Connection,
    wanted: DatasetFilter = DatasetFilter(),
    *,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[DatasetSummary]:
    """Return a page of datasets by product and name.

    Args:
        scope: Whose datasets are seen; those that are a port are seen by everybody.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    order = [
        SortKey("domain", data_products.c.Domain),
        SortKey("product", data_products.c.Name),
        SortKey("name", data_sets.c.Name.label("DataSetName")),
    ]
    query = _datasets(order[-1].column).where(*_conditions(wanted), scope.published(data_sets.c.DataSetID))
    return read_page(connection, query, order, _dataset, limit=limit, cursor=cursor)


def _datasets(name: sa.ColumnElement[str]) -> sa.Select[Any]:
    refusing = data_quality_results.c.Severity.in_([Severity.QUARANTINE, Severity.FAIL, Severity.CORRECT])
    published = published_data_sets.c
    return sa.select(
        data_products.c.Domain,
        data_products.c.Name,
        name,
        data_sets.c.Description,
        data_sets.c.Layer,
        data_sets.c.LandingPath,
        published.PublishedAt,
        published.Rows,
        published.RunID,
        _last_checked_at().label("CheckedAt"),
        _results().label("Rules"),
        _results(_BROKEN).label("Broken"),
        _results(_BROKEN, refusing).label("Refused"),
    ).select_from(
        data_sets.join(data_products, data_products.c.DataProductID == data_sets.c.DataProductID).outerjoin(
            published_data_sets,
            (published.DataProductID == data_sets.c.DataProductID)
            & (published.DataSetName == data_sets.c.Name),
        )
    )


_BROKEN = data_quality_results.c.RowsFailed > 0


def _of_dataset(results: sa.FromClause) -> sa.ColumnElement[bool]:
    return (results.c.DataProductID == data_sets.c.DataProductID) & (
        results.c.DataSetName == data_sets.c.Name
    )


def _last_checked_at() -> sa.ScalarSelect[Any]:
    newest = data_quality_results.alias("Newest")
    query = sa.select(sa.func.max(newest.c.CheckedAt)).where(_of_dataset(newest))
    # Said, because within the subquery that counts it would else have the datasets once more for itself.
    return query.correlate(data_sets).scalar_subquery()


def _results(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Return the number of results of the last look at a dataset, all of which have one instant."""
    return (
        sa.select(sa.func.count())
        .where(
            _of_dataset(data_quality_results),
            data_quality_results.c.CheckedAt == _last_checked_at(),
            *conditions,
        )
        .correlate(data_sets)
        .scalar_subquery()
    )


def _conditions(wanted: DatasetFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.product is not None:
        conditions.append(named(wanted.product))
    if wanted.name is not None:
        conditions.append(data_sets.c.Name == wanted.name)
    if wanted.layer is not None:
        conditions.append(data_sets.c.Layer == wanted.layer)
    if wanted.contains:
        full = data_products.c.Domain + "/" + data_products.c.Name + "." + data_sets.c.Name
        conditions.append(full.contains(wanted.contains, autoescape=True))
    if wanted.broken:
        conditions.append(_results(_BROKEN) > 0)
    return conditions


def _dataset(row: sa.Row[Any]) -> DatasetSummary:
    return DatasetSummary(
        product=f"{row.Domain}/{row.Name}",
        name=row.DataSetName,
        description=row.Description,
        layer=Layer(row.Layer),
        landing=row.LandingPath,
        published_at=row.PublishedAt,
        rows=row.Rows,
        run_id=RunID(row.RunID) if row.RunID else None,
        last_check=LastCheck(row.CheckedAt, row.Rules, row.Broken, row.Refused) if row.CheckedAt else None,
    )
