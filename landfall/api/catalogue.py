"""Products, datasets and versions over HTTP; of other domains only what they publish."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from landfall.api.reply import Reply
from landfall.metadata.catalog import (
    DatasetNotApplied,
    UnknownProduct,
    find_product_id,
    get_current_product,
    get_dataset,
)
from landfall.metadata.engine import Database
from landfall.metadata.paging import Page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.versions import get_version_change, list_versions
from landfall.planning.graph import build_graph
from landfall.runs.attention import attention
from landfall.runs.dataset_history import Build, build_history, quality_history
from landfall.runs.dataset_list import DatasetFilter, DatasetSummary, list_datasets
from landfall.runs.finding import find
from landfall.runs.leases import read_lease
from landfall.runs.product_detail import consumers_of, rows_by_run
from landfall.runs.product_list import (
    ProductFilter,
    ProductOrder,
    ProductSummary,
    find_products,
    get_product,
)


def show_products(
    database: Database,
    wanted: ProductFilter,
    *,
    scope: Scope = EVERYTHING,
    order: ProductOrder,
    limit: int,
    cursor: str | None,
) -> Reply:
    """Answer ``GET /api/products``."""
    page = database.read(
        lambda connection: find_products(
            connection, wanted, scope=scope, order=order, limit=limit, cursor=cursor
        )
    )
    seen = tuple(product_as_seen(item, scope) for item in page.items)
    return Reply(200, page_object("products", replace(page, items=seen)))


def show_product(database: Database, key: str, *, scope: Scope = EVERYTHING) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}``: of another domain, the product without its inner life."""
    own = scope.sees(key.partition("/")[0])
    try:
        summary = database.read(lambda connection: get_product(connection, key))
        if not own and summary.ports == 0:
            raise UnknownProduct(key, ())
        current = database.read(lambda connection: get_current_product(connection, key))
    except UnknownProduct:
        if own:
            raise
        raise UnknownProduct(key, ()) from None
    product = current.product
    ports = [
        {"dataset": port.dataset, "version": port.version, "contract": port.contract}
        for port in product.ports
    ]
    readers = database.read(lambda connection: consumers_of(connection, key)) if own else ()
    rows = database.read(lambda connection: rows_by_run(connection, current.product_id)) if own else ()
    lease = database.read(lambda connection: read_lease(connection, current.product_id)) if own else None
    pause = lease.pause if lease is not None else None
    return Reply(
        200,
        {
            **asdict(product_as_seen(summary, scope)),
            "pause": asdict(pause) if pause is not None else None,
            "port_list": ports,
            # Who of another domain reads a port is that domain's own business.
            "consumers": [asdict(item) for item in readers if scope.sees(item.product.partition("/")[0])],
            "rows_by_run": [asdict(item) | {"refused_share": item.refused_share} for item in rows],
        },
    )


def show_datasets(
    database: Database, wanted: DatasetFilter, *, scope: Scope = EVERYTHING, limit: int, cursor: str | None
) -> Reply:
    """Answer ``GET /api/datasets``."""
    page = database.read(
        lambda connection: list_datasets(connection, wanted, scope=scope, limit=limit, cursor=cursor)
    )
    seen = tuple(dataset_as_seen(item, scope) for item in page.items)
    return Reply(200, page_object("datasets", replace(page, items=seen)))


def show_dataset(database: Database, product: str, dataset: str, *, scope: Scope = EVERYTHING) -> Reply:
    """Answer ``GET /api/datasets/{domain}/{product}/{dataset}``: of another domain, a port and its columns."""
    name = f"{product}.{dataset}"
    try:
        of_product, found = database.read(lambda connection: get_dataset(connection, name, scope=scope))
    except (DatasetNotApplied, UnknownProduct) as error:
        raise DatasetNotApplied(name, None) from error
    own = scope.sees(of_product.domain)
    ports = [port.version for port in of_product.ports if port.dataset == found.name]
    return Reply(
        200,
        {
            "product": of_product.key,
            "name": found.name,
            "description": found.description,
            "layer": found.layer,
            "landing": found.landing if own else None,
            "columns": [
                {"name": column.name, "type": str(column.type), "nullable": column.nullable}
                for column in found.columns
            ],
            "rules": [
                {"name": rule.name, "check": str(rule.check), "severity": str(rule.severity)}
                for rule in found.quality
            ]
            if own
            else [],
            "ports": ports,
        },
    )


def show_quality(
    database: Database, product: str, dataset: str, *, limit: int, cursor: str | None = None
) -> Reply:
    """Answer ``GET /api/datasets/{domain}/{product}/{dataset}/quality``."""
    product_id = _product_id(database, product)
    page = database.read(
        lambda connection: quality_history(connection, product_id, dataset, limit=limit, cursor=cursor)
    )
    return Reply(200, {"checks": [asdict(item) for item in page.items], "following": page.following})


def show_builds(
    database: Database, product: str, dataset: str, *, limit: int, cursor: str | None = None
) -> Reply:
    """Answer ``GET /api/datasets/{domain}/{product}/{dataset}/builds``."""
    product_id = _product_id(database, product)
    current = database.read(lambda connection: get_current_product(connection, product)).product
    builder = next((node.key for node in build_graph(current).nodes if node.output == dataset), None)
    page: Page[Build] = Page(())
    if builder is not None:
        page = database.read(
            lambda connection: build_history(connection, product_id, builder, limit=limit, cursor=cursor)
        )
    return Reply(200, {"builds": [asdict(item) for item in page.items], "following": page.following})


def show_versions(
    database: Database, product: str | None, *, scope: Scope = EVERYTHING, limit: int, cursor: str | None
) -> Reply:
    """Answer ``GET /api/versions``."""
    page = database.read(
        lambda connection: list_versions(connection, product=product, scope=scope, limit=limit, cursor=cursor)
    )
    return Reply(200, page_object("versions", page))


def show_version(database: Database, product: str, number: int) -> Reply:
    """Answer ``GET /api/products/{domain}/{product}/versions/{number}``."""
    found = database.read(lambda connection: get_version_change(connection, product, number))
    return Reply(
        200,
        {
            "version": asdict(found.version),
            "before": found.before,
            "changes": [change.to_payload() for change in found.changes],
        },
    )


def show_attention(database: Database, *, scope: Scope = EVERYTHING, now: datetime) -> Reply:
    """Answer ``GET /api/attention``: what needs somebody."""
    return Reply(200, asdict(database.read(lambda connection: attention(connection, scope=scope, now=now))))


def show_found(database: Database, text: str, *, scope: Scope = EVERYTHING, limit: int) -> Reply:
    """Answer ``GET /api/search``: what a text is found in, so many of each kind."""
    found = database.read(lambda connection: find(connection, text, scope=scope, limit=limit))
    return Reply(200, {"found": [asdict(item) for item in found]})


def page_object(name: str, page: Page[Any]) -> dict[str, Any]:
    """Return a page as the API shows it."""
    return {name: [asdict(item) for item in page.items], "following": page.following}


def _product_id(database: Database, product: str) -> int:
    product_id = database.read(lambda connection: find_product_id(connection, product))
    if product_id is None:
        raise UnknownProduct(product, ())
    return product_id


def product_as_seen(product: ProductSummary, scope: Scope) -> ProductSummary:
    """Return a product of another domain as what it publishes: without its runs, datasets and troubles."""
    if scope.sees(product.product.partition("/")[0]):
        return product
    return replace(product, datasets=product.ports, last_run=None, next_due_at=None, paused_at=None, alarms=0)


def dataset_as_seen(dataset: DatasetSummary, scope: Scope) -> DatasetSummary:
    """Return a dataset of another domain, which is a port, without what its runs found."""
    if scope.sees(dataset.product.partition("/")[0]):
        return dataset
    return replace(dataset, landing=None, run_id=None, last_check=None)
