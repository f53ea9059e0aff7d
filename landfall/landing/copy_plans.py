"""What is to be copied next, from what was published of the copies before."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from landfall.copying.names import is_copy_key
from landfall.copying.plan import CopyPlan, NoCopyKey, Position, make_copy_plan
from landfall.landing.copies import in_flight, marks_of
from landfall.metadata.catalog import get_current_product
from landfall.spec.model import Product


def current_copy_plan(
    connection: sa.Connection,
    product: str,
    *,
    key: str | None,
    now: datetime,
    datasets: Sequence[str] = (),
    full: bool = False,
) -> CopyPlan:
    """Return what of a product, as it is applied now, is to be copied; nothing is written.

    Args:
        key: Name of this copy, by which full copies are called; ``None`` takes the time.

    Raises:
        UnknownProduct: No such product has been applied.
        NoCopyKey: The key cannot name a copy.
        NothingIsCopied: Nothing is copied into the product, or into one of ``datasets``.
    """
    named = key if key is not None else f"{now:%Y%m%dT%H%M%SZ}"
    if not is_copy_key(named):
        raise NoCopyKey(named)
    current = get_current_product(connection, product)
    positions = copy_positions(connection, current.product_id, current.product)
    return make_copy_plan(current.product, positions, key=named, now=now, datasets=datasets, full=full)


def copy_positions(connection: sa.Connection, product_id: int, product: Product) -> Mapping[str, Position]:
    """Return how far each incremental dataset of a product has been copied, and which of them have to wait."""
    marks = {row.DataSetName: row for row in connection.execute(marks_of(product_id))}
    found: dict[str, Position] = {}
    for dataset in product.datasets:
        if dataset.copy is None or dataset.copy.watermark is None:
            continue
        mark = marks.get(dataset.name)
        waiting = [row.Url for row in in_flight(connection, product_id, dataset.name)]
        found[dataset.name] = Position(
            number=1 if mark is None else (mark.CopyNumber or 0) + 1,
            # Another column, or another table, has other values.
            value=mark.WatermarkValue
            if mark is not None and mark.WatermarkOf == dataset.copy.watermark_of
            else None,
            waits=f"{waiting[0].rpartition('/')[2]} has landed and was not published yet"
            if waiting
            else None,
        )
    return found
