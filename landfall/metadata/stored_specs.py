"""The spec of a version in SQL: its datasets and transformations in parts, so that no value grows with their number."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from landfall.metadata.inserting import insert_rows
from landfall.metadata.tables import metadata_version_parts, metadata_versions
from landfall.spec.model import Product
from landfall.spec.payload import parts_of, product_from_parts, whole_of

# As objects a part takes many times what its text does.
_PARTS_AT_ONCE = {"yield_per": 1}


def insert_version(connection: sa.Connection, values: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    """Write a version of a product.

    Args:
        values: The row of MetadataVersions but for its spec.
        payload: The spec, as ``product_to_payload`` gives it.
    """
    head, parts = parts_of(payload)
    version_id: int = connection.execute(
        sa.insert(metadata_versions)
        .values(**values, Spec=head)
        .returning(metadata_versions.c.MetadataVersionID)
    ).scalar_one()
    rows = (
        {"MetadataVersionID": version_id, "Part": number, "Spec": part} for number, part in enumerate(parts)
    )
    insert_rows(connection, metadata_version_parts, rows)


def read_product(connection: sa.Connection, version_id: int, head: Mapping[str, Any]) -> Product:
    """Return the product of a version; one part of its spec after the other is in memory.

    Args:
        head: The Spec of its row in MetadataVersions.
    """
    return product_from_parts(head, _parts(connection, version_id))


def read_spec(connection: sa.Connection, version_id: int, head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a version as ``product_to_payload`` gave it.

    Args:
        head: The Spec of its row in MetadataVersions.
    """
    return whole_of(head, _parts(connection, version_id))


def _parts(connection: sa.Connection, version_id: int) -> Iterator[Mapping[str, Any]]:
    query = (
        sa.select(metadata_version_parts.c.Spec)
        .where(metadata_version_parts.c.MetadataVersionID == version_id)
        .order_by(metadata_version_parts.c.Part)
    )
    return iter(connection.execute(query, execution_options=_PARTS_AT_ONCE).scalars())
