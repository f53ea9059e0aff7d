"""What is applied, and how it fares: `landfall attention`, `find`, `products`, `datasets` and `versions`.

They answer with what the API's routes of the same names answer, so a script may take either.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.completing import complete_dataset, complete_product
from landfall.cli.examples import examples
from landfall.cli.listing import Cursor, Limit, note_more, one_of
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import invocation

if TYPE_CHECKING:
    from landfall.metadata.engine import Database

_PRODUCT_COLUMNS = (
    *("product", "version", "owner_team", "datasets", "ports"),
    *("last_state", "published_at", "next_due_at", "paused_at", "alarms"),
)
_DATASET_COLUMNS = (
    "product",
    "name",
    "layer",
    "published_at",
    "rows",
    "rules",
    "broken",
    "refused",
    "run_id",
)
_CHECK_COLUMNS = ("run_id", "checked_at", "rule", "severity", "rows_checked", "rows_failed", "detail")
_BUILD_COLUMNS = (
    *("run_id", "state", "created_at", "seconds"),
    *("rows_read", "rows_published", "rows_quarantined", "reason"),
)
_VERSION_COLUMNS = ("product", "version", "applied_at", "applied_by", "restores", "is_current")
_CHANGE_COLUMNS = ("kind", "path", "before", "after")

ProductArgument = Annotated[
    str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
]
DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="dataset, or domain/product.dataset", autocompletion=complete_dataset
    ),
]
ProductOption = Annotated[
    str | None, typer.Option(help="Only those of this domain/product.", autocompletion=complete_product)
]


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall attention", "landfall attention --output json"))(attention)
    app.command(epilog=examples("landfall find delays", "landfall find 20260131"))(find)
    products = _group("Products as they are applied.")
    products.command("list", epilog=examples("landfall products list --order stalest"))(list_products)
    products.command("show", epilog=examples("landfall products show mobility/flights"))(show_product)
    app.add_typer(products, name="products")
    datasets = _group("Datasets: how fresh they are, what their rules found, their builds.")
    datasets.command(
        "list",
        epilog=examples(
            "landfall datasets list --product mobility/flights", "landfall datasets list --broken"
        ),
    )(list_datasets)
    datasets.command("show", epilog=examples("landfall datasets show mobility/flights.planes"))(show_dataset)
    datasets.command("quality", epilog=examples("landfall datasets quality planes"))(show_quality)
    datasets.command("builds", epilog=examples("landfall datasets builds daily_delays"))(show_builds)
    app.add_typer(datasets, name="datasets")
    versions = _group("Versions of product files: what was applied, and what each changed.")
    versions.command("list", epilog=examples("landfall versions list --product mobility/flights"))(
        list_versions
    )
    versions.command("show", epilog=examples("landfall versions show mobility/flights 2"))(show_version)
    app.add_typer(versions, name="versions")


def _group(about: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=about)


def attention(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show what needs somebody: late deliveries, failed runs, broken rules, dead letters, alarms, pauses."""
    from landfall.api.catalogue import show_attention

    found = show_attention(invocation(context).database(), now=datetime.now(UTC)).body
    if output is OutputFormat.JSON:
        show_json(found)
        return
    rows = _needs(found)
    if rows or output is not OutputFormat.TABLE:
        show_rows(rows, ("what", "about", "says", "since", "do"), output)
    if not rows:
        note("nothing needs anybody")


def _needs(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what needs somebody as rows, each with the command that looks into it."""
    about = ("what", "about", "says", "since", "do")
    rows: list[tuple[Any, ...]] = [
        *(
            (
                "late",
                item["product"],
                item["subject"],
                item["due_at"],
                f"landfall products show {item['product']}",
            )
            for item in found["late"]
        ),
        *(
            (
                "failed run",
                item["product"],
                item["reason"],
                item["created_at"],
                f"landfall why {item['run_id']}",
            )
            for item in found["failed"]
        ),
        *(
            (
                "broken rules",
                f"{item['product']}.{item['name']}",
                f"{item['last_check']['broken']} of {item['last_check']['rules']} rules",
                item["last_check"]["checked_at"],
                f"landfall datasets quality {item['product']}.{item['name']}",
            )
            for item in found["broken"]
        ),
        *(
            (
                "dead letter",
                str(item["letter_id"]),
                item["reason"],
                item["last_seen_at"],
                f"landfall dead-letters show {item['letter_id']}",
            )
            for item in found["letters"]
        ),
        *(
            (
                f"{state} files",
                "",
                f"{count} in the last 30 days",
                None,
                f"landfall files list --state {state}",
            )
            for state, count in found["files"].items()
            if count
        ),
        *(
            ("alarm", item["product"] or "", item["detail"], item["raised_at"], "landfall alarms")
            for item in found["alarms"]
        ),
        *(
            (
                "paused",
                item["product"],
                item["pause"]["reason"] or "",
                item["pause"]["since"],
                f"landfall resume {item['product']}",
            )
            for item in found["paused"]
        ),
    ]
    return [dict(zip(about, row, strict=True)) for row in rows]


def find(
    context: typer.Context,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="Part of a product's or dataset's name, or how a run's id or a file's name begins.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=50, help="Of each kind.")] = 6,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Find products, datasets, runs and files by what you remember of their names."""
    from landfall.api.catalogue import show_found
    from landfall.metadata.scope import EVERYTHING

    database = invocation(context).database()
    found = show_found(database, text.strip(), scope=EVERYTHING, limit=limit).body["found"]
    show_rows(found, ("kind", "name", "about", "key"), output)


def list_products(
    context: typer.Context,
    contains: Annotated[str | None, typer.Option(help="Part of the name.")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Only those that are paused.")] = False,
    order: Annotated[str, typer.Option(help="name, stalest or last_applied first.")] = "name",
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List the products that are applied, with their freshness, last run and next schedule."""
    from landfall.api.catalogue import show_products
    from landfall.runs.product_list import ProductFilter, ProductOrder

    wanted = ProductFilter(contains=contains, paused=paused)
    by = one_of(ProductOrder, order, "--order") or ProductOrder.NAME
    database = invocation(context).database()
    found = show_products(database, wanted, order=by, limit=limit, cursor=cursor).body
    rows = [{**item, "last_state": (item["last_run"] or {}).get("state")} for item in found["products"]]
    show_rows(rows, _PRODUCT_COLUMNS, output)
    note_more(found["following"])


def show_product(
    context: typer.Context, product: ProductArgument, output: Output = OutputFormat.TABLE
) -> None:
    """Show one product: its owner, ports, who reads them, its pause, and how the rows of its runs fared."""
    from landfall.api import catalogue

    found = catalogue.show_product(invocation(context).database(), product).body
    if output is not OutputFormat.TABLE:
        show_fields(found, output)
        return
    show_fields({name: item for name, item in found.items() if not isinstance(item, list)}, output)
    for name, columns in (
        ("port_list", ("dataset", "version", "contract")),
        ("consumers", ("product", "transformation", "port")),
        ("rows_by_run", ("run_id", "state", "created_at", "rows_read", "rows_quarantined", "refused_share")),
    ):
        if found[name]:
            print()
            show_rows(found[name], columns, output)


def list_datasets(
    context: typer.Context,
    product: ProductOption = None,
    layer: Annotated[str | None, typer.Option(help="bronze, silver or gold.")] = None,
    contains: Annotated[str | None, typer.Option(help="Part of the name.")] = None,
    broken: Annotated[
        bool, typer.Option("--broken", help="Only those of which a rule was broken last.")
    ] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List datasets, with their freshness and what their rules found when they last looked."""
    from landfall.api.catalogue import show_datasets
    from landfall.runs.dataset_list import DatasetFilter
    from landfall.spec.model import Layer

    wanted = DatasetFilter(
        product=product, layer=one_of(Layer, layer, "--layer"), contains=contains, broken=broken
    )
    found = show_datasets(invocation(context).database(), wanted, limit=limit, cursor=cursor).body
    rows = [
        {**item, **{name: (item["last_check"] or {}).get(name) for name in ("rules", "broken", "refused")}}
        for item in found["datasets"]
    ]
    show_rows(rows, _DATASET_COLUMNS, output)
    note_more(found["following"])


def show_dataset(
    context: typer.Context, dataset: DatasetArgument, output: Output = OutputFormat.TABLE
) -> None:
    """Show what is declared of one dataset: its columns, rules and ports."""
    from landfall.api import catalogue

    database = invocation(context).database()
    found = catalogue.show_dataset(database, *_place(database, dataset)).body
    if output is not OutputFormat.TABLE:
        show_fields(found, output)
        return
    show_fields({name: item for name, item in found.items() if name not in {"columns", "rules"}}, output)
    for name, columns in (
        ("columns", ("name", "type", "nullable")),
        ("rules", ("name", "check", "severity")),
    ):
        if found[name]:
            print()
            show_rows(found[name], columns, output)


def show_quality(
    context: typer.Context,
    dataset: DatasetArgument,
    limit: Limit = 40,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show what the rules of a dataset found whenever they looked, the newest first."""
    from landfall.api import catalogue

    database = invocation(context).database()
    found = catalogue.show_quality(database, *_place(database, dataset), limit=limit, cursor=cursor).body
    rows = [
        {**rule, "run_id": check["run_id"], "checked_at": check["checked_at"]}
        for check in found["checks"]
        for rule in check["rules"]
    ]
    if output is OutputFormat.JSON:
        show_json(found["checks"])
    else:
        show_rows(rows, _CHECK_COLUMNS, output)
    note_more(found["following"])


def show_builds(
    context: typer.Context,
    dataset: DatasetArgument,
    limit: Limit = 40,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show the node runs that built a dataset, or tried to, the newest first."""
    from landfall.api import catalogue

    database = invocation(context).database()
    found = catalogue.show_builds(database, *_place(database, dataset), limit=limit, cursor=cursor).body
    rows = [{**item, "seconds": _seconds(item)} for item in found["builds"]]
    show_rows(rows, _BUILD_COLUMNS, output)
    note_more(found["following"])


def list_versions(
    context: typer.Context,
    product: ProductOption = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what was applied, the newest first."""
    from landfall.api.catalogue import show_versions
    from landfall.metadata.scope import EVERYTHING

    database = invocation(context).database()
    found = show_versions(database, product, scope=EVERYTHING, limit=limit, cursor=cursor).body
    show_rows(found["versions"], _VERSION_COLUMNS, output)
    note_more(found["following"])


def show_version(
    context: typer.Context,
    product: ProductArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As `versions list` shows it.")],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show a version of a product and what it changed."""
    from landfall.api import catalogue

    found = catalogue.show_version(invocation(context).database(), product, number).body
    if output is OutputFormat.JSON:
        show_json(found)
        return
    if output is OutputFormat.TABLE:
        show_fields({**found["version"], "before": found["before"]}, output)
        print()
    show_rows(found["changes"], _CHANGE_COLUMNS, output)


def _place(database: "Database", text: str) -> tuple[str, str]:
    """Return product and dataset of what ``dataset`` or ``domain/product.dataset`` names."""
    from landfall.metadata.catalog import get_dataset

    product, dataset = database.read(lambda connection: get_dataset(connection, text))
    return product.key, str(dataset.name)


def _seconds(item: Mapping[str, Any]) -> float | None:
    if item["started_at"] is None or item["finished_at"] is None:
        return None
    return float((item["finished_at"] - item["started_at"]).total_seconds())
