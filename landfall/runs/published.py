"""What has been published: the product's own datasets, and the ports of other products that it reads."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.catalog import CurrentProduct, find_current_product
from landfall.metadata.tables import published_data_sets
from landfall.planning.plan import Plan
from landfall.spec.model import DatasetRef, Layer


def published_datasets(connection: sa.Connection, product_id: int) -> Mapping[str, datetime]:
    """Return the instant of the newest publication of each dataset of a product that has one."""
    rows = connection.execute(
        sa.select(published_data_sets.c.DataSetName, published_data_sets.c.PublishedAt).where(
            published_data_sets.c.DataProductID == product_id
        )
    )
    return {row.DataSetName: row.PublishedAt for row in rows}


def foreign_ports(connection: sa.Connection, current: CurrentProduct) -> Mapping[str, Layer]:
    """Return the layer of each published port of other products that this one reads, by its reference."""
    refs = {ref for item in current.product.transformations for ref in item.inputs if ref.product is not None}
    layers = {str(ref): _published_layer(connection, ref) for ref in sorted(refs, key=str)}
    return {name: layer for name, layer in layers.items() if layer is not None}


TABLE_VERSIONS = sa.select(published_data_sets.c.DataSetName, published_data_sets.c.TableVersion).where(
    published_data_sets.c.DataProductID == sa.bindparam("product_id")
)
"""The name and the published version of each dataset of the product ``product_id``."""


def table_versions(connection: sa.Connection, product_id: int) -> Mapping[str, int | None]:
    """Return the version that the newest publication of each dataset of a product has, as far as it is known."""
    rows = connection.execute(TABLE_VERSIONS, {"product_id": product_id})
    return {row.DataSetName: row.TableVersion for row in rows}


def port_versions(connection: sa.Connection, plan: Plan) -> Mapping[str, int | None]:
    """Return the newest published version of each port of other products that a plan reads, by its reference."""
    names = {name for node in plan.nodes for name in node.inputs}
    reads = {
        name: (ref.product, ref.dataset)
        for name, ref in zip(names, map(DatasetRef.parse, names), strict=True)
        if ref.product is not None and ref.product != plan.product
    }
    owners = {product: find_current_product(connection, product) for product, _ in reads.values()}
    published = {
        product: table_versions(connection, owner.product_id)
        for product, owner in owners.items()
        if owner is not None
    }
    return {name: published.get(product, {}).get(dataset) for name, (product, dataset) in reads.items()}


def _published_layer(connection: sa.Connection, ref: DatasetRef) -> Layer | None:
    owner = find_current_product(connection, ref.product or "")
    if owner is None:
        return None
    ports = {(port.dataset, port.version) for port in owner.product.ports}
    if (ref.dataset, ref.version) not in ports:
        return None
    if ref.dataset not in published_datasets(connection, owner.product_id):
        return None
    return next(dataset.layer for dataset in owner.product.datasets if dataset.name == ref.dataset)
