"""Making products current: the difference, all of them in one transaction, and the way back."""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.authoring import write_authoring
from landfall.metadata.catalog import UnknownProduct, get_current_product, list_products, named
from landfall.metadata.circles import refuse_circles
from landfall.metadata.difference import (
    Difference,
    ProductDifference,
    ProductStatus,
    changes_between,
    objects_of,
)
from landfall.metadata.engine import Database
from landfall.metadata.lineage_writing import write_column_lineage
from landfall.metadata.schedules import write_schedules
from landfall.metadata.service_levels import write_service_levels
from landfall.metadata.stored_specs import insert_version, read_spec
from landfall.metadata.tables import data_products, metadata_versions, product_leases
from landfall.runs.ids import coordinator_instance
from landfall.spec.model import Product
from landfall.spec.payload import product_from_payload, product_to_payload


class NothingToRollBack(LandfallError):
    """The product has no version before its current one."""

    code = "LF2103"

    def __init__(self, key: str, version: int) -> None:
        super().__init__(
            f"{key}: nothing was applied before version {version}, so there is nothing to roll back to. "
            "Change the product file and run `landfall apply`."
        )
        self.key = key
        self.version = version


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """A version that was written and is current now.

    Attributes:
        product: ``domain/product``.
        restores: The version whose content it brings back, ``None`` for a new content.
    """

    product: str
    product_id: int
    version: int
    restores: int | None = None


def compare(connection: sa.Connection, products: Sequence[Product]) -> Difference:
    """Return what ``apply_products`` would change.

    Products that are applied but not given are listed as such: applying leaves them as they are, since what
    is missing from a folder may be in another one.
    """
    applied = {entry.key: entry for entry in list_products(connection)}
    items = [_compare_one(connection, product, applied.keys()) for product in _by_key(products).values()]
    given = {product.key for product in products}
    items += [
        ProductDifference(key, ProductStatus.NOT_GIVEN, entry.version)
        for key, entry in applied.items()
        if key not in given
    ]
    return Difference(tuple(sorted(items, key=lambda item: item.product)))


def apply_products(
    database: Database, products: Sequence[Product], *, actor: str, now: datetime
) -> tuple[AppliedVersion, ...]:
    """Make ``products`` the current ones, all or none, and return the versions that this wrote.

    A product that is current already gets no new version, so applying the same folder again writes nothing.
    A run in flight keeps the version it was opened with. Products that are not given stay as they are.

    Args:
        products: Sound products, each key once.
        actor: Who applies, for MetadataVersions.
        now: When, aware UTC.

    Raises:
        ValueError: Two products have the same key.
        CircularProducts: They and those applied before wait for each other through their ports.
        DatabaseUnreachable: The database could not be reached; nothing was written.
    """
    ordered = _by_key(products)
    earlier: dict[str, AppliedVersion] = {}

    def work(connection: sa.Connection) -> tuple[AppliedVersion, ...]:
        written = []
        # Always in the order of their keys, so that two appliers wait for each other and do not deadlock.
        for key, product in ordered.items():
            stored = _lock_product(connection, key)
            payload = product_to_payload(product)
            if stored is not None and stored.spec_hash == spec_hash(payload):
                # Perhaps an attempt of this very call wrote it, and only its answer was lost.
                if key in earlier and earlier[key].version == stored.version:
                    written.append(earlier[key])
                continue
            version = _write_version(connection, stored, product, payload, actor, now, given=ordered)
            earlier[key] = version
            written.append(version)
        if written:
            refuse_circles(connection)
        return tuple(written)

    return database.transact(work)


def rollback(database: Database, product_key: str, *, actor: str, now: datetime) -> AppliedVersion:
    """Bring back what was applied before the current content, as a new version, and return that.

    Rolling back again goes one further back; to go forward, apply the product file. History is only added to.

    Raises:
        UnknownProduct: The product was never applied.
        NothingToRollBack: Its current content is the first that was applied.
        CircularProducts: Another product reads a port by now that the former content waits for.
        DatabaseUnreachable: The database could not be reached; nothing was written.
    """
    earlier: list[AppliedVersion] = []

    def work(connection: sa.Connection) -> AppliedVersion:
        stored = _lock_product(connection, product_key)
        if stored is None:
            raise UnknownProduct(product_key, tuple(entry.key for entry in list_products(connection)))
        if earlier and (earlier[-1].version, earlier[-1].restores) == (stored.version, stored.restores):
            # An attempt of this very call wrote it, and only its answer was lost.
            return earlier[-1]
        target, payload = _version_before(connection, product_key, stored)
        version = _write_version(
            connection, stored, product_from_payload(payload), payload, actor, now, restores=target
        )
        refuse_circles(connection)
        earlier.append(version)
        return version

    return database.transact(work)


def spec_hash(payload: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a product's JSON; the order of its keys counts, since columns follow it."""
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Stored:
    """The current version of a product as the database has it."""

    product_id: int
    version: int
    spec_hash: str
    restores: int | None


def _by_key(products: Sequence[Product]) -> dict[str, Product]:
    """Return the products by key, in the order of the keys."""
    ordered = {product.key: product for product in sorted(products, key=lambda product: product.key)}
    if len(ordered) != len(products):
        keys = [product.key for product in products]
        raise ValueError(f"products given twice: {sorted({key for key in keys if keys.count(key) > 1})}")
    return ordered


def _compare_one(connection: sa.Connection, product: Product, applied: Set[str]) -> ProductDifference:
    payload = product_to_payload(product)
    if product.key not in applied:
        return ProductDifference(product.key, ProductStatus.ADDED, None, objects_of(payload))
    current = get_current_product(connection, product.key)
    before = product_to_payload(current.product)
    if spec_hash(before) == spec_hash(payload):
        return ProductDifference(product.key, ProductStatus.UNCHANGED, current.version)
    changes = changes_between(before, payload)
    return ProductDifference(product.key, ProductStatus.CHANGED, current.version, changes)


def _lock_product(connection: sa.Connection, key: str) -> _Stored | None:
    """Return the product's current version and let no other transaction change it until this one ends."""
    versions = metadata_versions.c
    row = connection.execute(
        sa.select(
            data_products.c.DataProductID,
            data_products.c.CurrentVersion,
            versions.SpecHash,
            versions.RestoresVersion,
        )
        # HOLDLOCK: also where there is no row yet, so that two transactions do not both insert it.
        .with_hint(data_products, "WITH (UPDLOCK, HOLDLOCK)", dialect_name="mssql")
        .join_from(
            data_products,
            metadata_versions,
            (versions.DataProductID == data_products.c.DataProductID)
            & (versions.VersionNumber == data_products.c.CurrentVersion),
        )
        .where(named(key))
    ).one_or_none()
    if row is None:
        return None
    return _Stored(row.DataProductID, row.CurrentVersion, row.SpecHash, row.RestoresVersion)


def _version_before(connection: sa.Connection, key: str, stored: _Stored) -> tuple[int, dict[str, Any]]:
    """Return the number and payload of the version whose content came before the current one."""
    versions = metadata_versions.c
    # A restored content stands where it first stood; what was rolled back from it is not before it.
    origin = stored.restores or stored.version
    row = connection.execute(
        sa.select(versions.MetadataVersionID, versions.VersionNumber, versions.RestoresVersion, versions.Spec)
        .where(versions.DataProductID == stored.product_id, versions.VersionNumber < origin)
        .order_by(versions.VersionNumber.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NothingToRollBack(key, stored.version)
    payload = read_spec(connection, row.MetadataVersionID, row.Spec)
    return row.RestoresVersion or row.VersionNumber, payload


def _write_version(
    connection: sa.Connection,
    stored: _Stored | None,
    product: Product,
    payload: Mapping[str, Any],
    actor: str,
    now: datetime,
    *,
    given: Mapping[str, Product] = MappingProxyType({}),
    restores: int | None = None,
) -> AppliedVersion:
    """Write a version that becomes current; ``given`` are the products applied together with it."""
    described = {
        "Description": product.description,
        "OwnerTeam": product.owner.team,
        "OwnerEmail": product.owner.email,
        "OwnerWebhook": product.owner.webhook,
    }
    if stored is None:
        version = 1
        product_id = _insert_product(connection, product, described, now)
    else:
        version = stored.version + 1
        product_id = stored.product_id
        connection.execute(
            sa.update(data_products)
            .where(data_products.c.DataProductID == product_id)
            .values(CurrentVersion=version, **described)
        )
    written = {
        "DataProductID": product_id,
        "VersionNumber": version,
        "SpecHash": spec_hash(payload),
        "AppliedAt": now,
        "AppliedBy": actor,
        "RestoresVersion": restores,
    }
    insert_version(connection, written, payload)
    write_authoring(connection, product_id, product)
    write_column_lineage(connection, product_id, version, product, given)
    write_schedules(connection, product_id, product.run.schedules, now=now)
    write_service_levels(connection, product_id, product.key, product.service_levels, now=now)
    return AppliedVersion(product.key, product_id, version, restores)


def _insert_product(
    connection: sa.Connection, product: Product, described: Mapping[str, Any], now: datetime
) -> int:
    """Write a product's first row and its lease, and return its id."""
    product_id: int = connection.execute(
        sa.insert(data_products)
        .values(Domain=product.domain, Name=product.name, CurrentVersion=1, **described)
        .returning(data_products.c.DataProductID)
    ).scalar_one()
    connection.execute(
        sa.insert(product_leases).values(
            DataProductID=product_id,
            State="idle",
            InstanceID=coordinator_instance(product.key),
            ChangedAt=now,
        )
    )
    return product_id
