"""What was applied and when: the versions of products, and what each changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.metadata.catalog import UnknownVersion, get_current_product, named
from landfall.metadata.difference import Change, changes_between, objects_of
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.stored_specs import read_spec
from landfall.metadata.tables import data_products, metadata_versions


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a product.

    Attributes:
        product: ``domain/name``.
        restores: The version whose content it brings back.
        is_current: Whether the next run pins it.
    """

    product: str
    version: int
    applied_at: datetime
    applied_by: str
    restores: int | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What a version changed.

    Attributes:
        before: The version that was current before it, ``None`` if there was none or it was purged.
        changes: In the order of the product file; every object where there is no version before.
    """

    version: Version
    before: int | None
    changes: tuple[Change, ...]


def list_versions(
    connection: sa.Connection,
    *,
    product: str | None = None,
    scope: Scope = EVERYTHING,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[Version]:
    """Return a page of what was applied, the newest first, of one product (``domain/name``) or of all.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = _versions().where(scope.rows())
    if product is not None:
        query = query.where(named(product))
    order = [SortKey("version_id", metadata_versions.c.MetadataVersionID, descending=True)]
    return read_page(connection, query, order, _version, limit=limit, cursor=cursor)


def get_version_change(connection: sa.Connection, product: str, number: int) -> VersionChange:
    """Return a version of ``domain/name`` and what it changed.

    Raises:
        UnknownProduct: The product was never applied.
        UnknownVersion: It has no such version.
    """
    product_id = get_current_product(connection, product).product_id
    # The version and the one before it: history is only added to, and what is purged is its beginning.
    rows = connection.execute(
        _versions()
        .add_columns(metadata_versions.c.Spec)
        .where(metadata_versions.c.DataProductID == product_id, metadata_versions.c.VersionNumber <= number)
        .order_by(metadata_versions.c.VersionNumber.desc())
        .limit(2)
    ).all()
    if not rows or rows[0].VersionNumber != number:
        raise UnknownVersion(product, number)
    spec = read_spec(connection, rows[0].MetadataVersionID, rows[0].Spec)
    if len(rows) == 1:
        return VersionChange(_version(rows[0]), None, objects_of(spec))
    before = read_spec(connection, rows[1].MetadataVersionID, rows[1].Spec)
    return VersionChange(_version(rows[0]), rows[1].VersionNumber, changes_between(before, spec))


def _versions() -> sa.Select[Any]:
    versions = metadata_versions.c
    return sa.select(
        versions.MetadataVersionID,
        versions.VersionNumber,
        versions.AppliedAt,
        versions.AppliedBy,
        versions.RestoresVersion,
        data_products.c.Domain,
        data_products.c.Name,
        data_products.c.CurrentVersion,
    ).join_from(
        metadata_versions, data_products, data_products.c.DataProductID == metadata_versions.c.DataProductID
    )


def _version(row: sa.Row[Any]) -> Version:
    return Version(
        product=f"{row.Domain}/{row.Name}",
        version=row.VersionNumber,
        applied_at=row.AppliedAt,
        applied_by=row.AppliedBy,
        restores=row.RestoresVersion,
        is_current=row.VersionNumber == row.CurrentVersion,
    )
