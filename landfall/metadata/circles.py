"""Circles of datasets that lead through ports of several products, wherever their files are kept."""

from collections.abc import Sequence

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.tables import data_products, data_sets, transformation_data_sets, transformations
from landfall.spec.order import circles


class CircularProducts(LandfallError):
    """Datasets of several products are built from each other, so none of them could ever be up to date."""

    code = "LF2120"

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(
            f"datasets of several products are built from each other: {' -> '.join(path)}. Nothing was applied. "
            "Take one of these ports out of inputs:"
        )
        self.path = tuple(path)


def refuse_circles(connection: sa.Connection) -> None:
    """Refuse what is applied if its products wait for each other through their ports.

    Raises:
        CircularProducts: They do; the error holds one circle, first dataset repeated last.
    """
    rows = connection.execute(
        sa.select(
            transformations.c.TransformationID,
            transformation_data_sets.c.Role,
            transformation_data_sets.c.ForeignPort,
            data_products.c.Domain,
            data_products.c.Name,
            data_sets.c.Name.label("DataSetName"),
        )
        .select_from(
            transformation_data_sets.join(
                transformations,
                transformations.c.TransformationID == transformation_data_sets.c.TransformationID,
            )
            .join(data_products, data_products.c.DataProductID == transformations.c.DataProductID)
            .outerjoin(data_sets, data_sets.c.DataSetID == transformation_data_sets.c.DataSetID)
        )
        .order_by(transformations.c.TransformationID)
    ).all()
    inputs: dict[int, list[str]] = {}
    outputs: dict[int, str] = {}
    for row in rows:
        # A port is called by its dataset here: whatever its version, it is one table.
        name = row.ForeignPort.partition("@")[0] if row.ForeignPort else None
        name = name or f"{row.Domain}/{row.Name}.{row.DataSetName}"
        if row.Role == "output":
            outputs[row.TransformationID] = name
        else:
            inputs.setdefault(row.TransformationID, []).append(name)
    found = circles({output: inputs.get(key, []) for key, output in outputs.items()})
    for circle in found:
        if len({name.rpartition(".")[0] for name in circle}) > 1:
            raise CircularProducts(circle)
