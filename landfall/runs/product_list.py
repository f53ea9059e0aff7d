"""The products that are applied: how fresh each is, how its last run ended, what it waits for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import UnknownProduct, list_products, named
from landfall.metadata.columns import UtcDateTime
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import (
    alarms,
    data_products,
    data_sets,
    metadata_versions,
    ports,
    product_leases,
    product_schedules,
    published_data_sets,
    runs,
)
from landfall.runs.ids import RunID
from landfall.runs.states import RunState

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


class ProductOrder(StrEnum):
    """Stalest: what was published longest ago, or never, comes first."""

    NAME = "name"
    STALEST = "stalest"
    LAST_APPLIED = "last_applied"


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of a product."""

    run_id: RunID
    state: RunState
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """One product as it is applied now.

    Attributes:
        product: ``domain/name``.
        ports: Versions of datasets that other products may read.
        published_at: The newest publication of any of its datasets.
        next_due_at: When its next scheduled run is due; ``None`` without a schedule.
        alarms: Alarms that last.
    """

    product: str
    description: str
    owner_team: str
    owner_email: str
    version: int
    applied_at: datetime
    applied_by: str
    datasets: int
    ports: int
    last_run: LastRun | None
    published_at: datetime | None
    next_due_at: datetime | None
    paused_at: datetime | None
    alarms: int


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products a list is about: those that meet every field given.

    Attributes:
        contains: Part of ``domain/name``, or of the owning team.
        last_state: How the newest run stands.
        paused: Only those that open no new run.
    """

    domain: str | None = None
    contains: str | None = None
    last_state: RunState | None = None
    paused: bool = False


def find_products(
    connection: sa.Connection,
    wanted: ProductFilter = ProductFilter(),
    *,
    scope: Scope = EVERYTHING,
    order: ProductOrder = ProductOrder.NAME,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[ProductSummary]:
    """Return a page of products.

    Args:
        scope: Whose products are seen; one with a port is seen by everybody.

    Raises:
        NotACursor: The cursor is of no such list, or of another order.
    """
    has_port = sa.exists().where(ports.c.DataProductID == data_products.c.DataProductID)
    query = _products().where(*_conditions(wanted), sa.or_(scope.rows(), has_port))
    by_name = [SortKey("domain", data_products.c.Domain), SortKey("name", data_products.c.Name)]
    match order:
        case ProductOrder.STALEST:
            keys = [SortKey("published_at", _SORTED_PUBLICATION), *by_name]
        case ProductOrder.LAST_APPLIED:
            keys = [SortKey("applied_at", metadata_versions.c.AppliedAt, descending=True), *by_name]
        case _:
            keys = by_name
    return read_page(connection, query, keys, _product, limit=limit, cursor=cursor)


def get_product(connection: sa.Connection, key: str) -> ProductSummary:
    """Return the product ``domain/name``.

    Raises:
        UnknownProduct: It was never applied.
    """
    row = connection.execute(_products().where(named(key))).one_or_none()
    if row is None:
        raise UnknownProduct(key, tuple(entry.key for entry in list_products(connection)))
    return _product(row)


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.DataProductID == data_products.c.DataProductID


_NEWEST_RUN = (
    sa.select(runs.c.RunID)
    .where(_of(runs))
    .order_by(runs.c.CreatedAt.desc(), runs.c.RunID.desc())
    .limit(1)
    .correlate(data_products)
    .scalar_subquery()
)
_PUBLISHED_AT = (
    sa.select(sa.func.max(published_data_sets.c.PublishedAt))
    .where(_of(published_data_sets))
    .scalar_subquery()
)
# A key by which rows are found again is never NULL.
_SORTED_PUBLICATION = sa.func.coalesce(
    _PUBLISHED_AT, sa.literal(_NEVER, UtcDateTime), type_=UtcDateTime
).label("SortedPublication")


def _count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).where(_of(table), *conditions).scalar_subquery()


def _products() -> sa.Select[Any]:
    next_due = sa.select(sa.func.min(product_schedules.c.NextDueAt)).where(_of(product_schedules))
    return sa.select(
        data_products,
        metadata_versions.c.AppliedAt,
        metadata_versions.c.AppliedBy,
        product_leases.c.PausedAt,
        runs.c.RunID,
        runs.c.State,
        runs.c.CreatedAt,
        runs.c.FinishedAt,
        _PUBLISHED_AT.label("PublishedAt"),
        _SORTED_PUBLICATION,
        next_due.scalar_subquery().label("NextDueAt"),
        _count(data_sets).label("DataSets"),
        _count(ports).label("Ports"),
        _count(alarms, alarms.c.ClearedAt.is_(None)).label("Alarms"),
    ).select_from(
        data_products.join(
            metadata_versions,
            _of(metadata_versions) & (metadata_versions.c.VersionNumber == data_products.c.CurrentVersion),
        )
        .join(product_leases, _of(product_leases))
        .outerjoin(runs, runs.c.RunID == _NEWEST_RUN)
    )


def _conditions(wanted: ProductFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.domain is not None:
        conditions.append(data_products.c.Domain == wanted.domain)
    if wanted.contains:
        full = data_products.c.Domain + "/" + data_products.c.Name
        conditions.append(
            full.contains(wanted.contains, autoescape=True)
            | data_products.c.OwnerTeam.contains(wanted.contains, autoescape=True)
        )
    if wanted.last_state is not None:
        conditions.append(runs.c.State == wanted.last_state)
    if wanted.paused:
        conditions.append(product_leases.c.PausedAt.is_not(None))
    return conditions


def _product(row: sa.Row[Any]) -> ProductSummary:
    return ProductSummary(
        product=f"{row.Domain}/{row.Name}",
        description=row.Description,
        owner_team=row.OwnerTeam,
        owner_email=row.OwnerEmail,
        version=row.CurrentVersion,
        applied_at=row.AppliedAt,
        applied_by=row.AppliedBy,
        datasets=row.DataSets,
        ports=row.Ports,
        last_run=LastRun(RunID(row.RunID), RunState(row.State), row.CreatedAt, row.FinishedAt)
        if row.RunID
        else None,
        published_at=row.PublishedAt,
        next_due_at=row.NextDueAt,
        paused_at=row.PausedAt,
        alarms=row.Alarms,
    )
