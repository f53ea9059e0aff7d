"""Column lineage is written with each version that is applied.

Apart from reading it: this parses the SQL of a product, which takes an app that only reads a second to load.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from landfall.lineage.columns import column_edges
from landfall.metadata.catalog import find_current_product
from landfall.metadata.tables import column_lineage
from landfall.spec.columns import follow_columns
from landfall.spec.frames import Frame
from landfall.spec.model import Product
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path


def write_column_lineage(
    connection: sa.Connection,
    product_id: int,
    version: int,
    product: Product,
    given: Mapping[str, Product],
) -> None:
    """Write the column lineage of a version that becomes current.

    Args:
        given: Products that are applied together with this one, by key; their ports may be read here.
    """
    rows = [
        {
            "DataProductID": product_id,
            "MetadataVersion": version,
            "SourceDataSet": edge.source.dataset,
            "SourceColumn": edge.source.column,
            "TargetDataSet": edge.target.dataset,
            "TargetColumn": edge.target.column,
            "Kind": str(edge.kind),
        }
        for edge in column_edges(product, _foreign_frames(connection, product, given))
    ]
    if rows:
        connection.execute(sa.insert(column_lineage), rows)


def _foreign_frames(
    connection: sa.Connection, product: Product, given: Mapping[str, Product]
) -> dict[str, Frame | None]:
    """Return the columns of the ports that a product reads, where their products say them."""
    refs = {ref for item in product.transformations for ref in item.inputs if ref.product is not None}
    frames: dict[str, Frame | None] = {}
    of_products: dict[str, Mapping[str, Frame | None]] = {}
    for ref in sorted(refs, key=str):
        key = ref.product or ""
        if key not in of_products:
            other = given.get(key)
            if other is None:
                current = find_current_product(connection, key)
                other = current.product if current is not None else None
            of_products[key] = (
                {str(name): frame for name, frame in follow_columns(other, {}, _ignore).items()}
                if other is not None
                else {}
            )
        frames[str(ref)] = of_products[key].get(ref.dataset)
    return frames


def _ignore(_: Path, __: SqlProblem) -> None:
    """Take a problem: the product was validated before."""
