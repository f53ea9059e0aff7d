"""`landfall preview`: the first rows of a table."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from landfall.cli.completing import complete_dataset
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import Invocation, invocation

if TYPE_CHECKING:
    from landfall.preview import Preview
    from landfall.spec.model import Dataset, Product


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall preview daily_delays --order-by flight_date",
            "landfall preview mobility/flights.planes --quarantine --output json",
        )
    )(preview)


def preview(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="dataset, or domain/product.dataset", autocompletion=complete_dataset
        ),
    ],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Rows to show.")] = 10,
    columns: Annotated[str, typer.Option(metavar="NAME,…", help="Columns to show; without it, all.")] = "",
    order_by: Annotated[
        str, typer.Option(metavar="NAME [desc],…", help="Columns to sort by; without it, any rows.")
    ] = "",
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Show the refused rows instead.")] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show the first rows of a table, straight from the lake."""
    from landfall.metadata.catalog import get_dataset
    from landfall.preview import plain_rows

    here = invocation(context)
    product, found = here.database().read(partial(get_dataset, text=dataset))
    read = read_table(
        here,
        product,
        found,
        quarantine=quarantine,
        limit=limit,
        columns=_names(columns),
        order_by=_names(order_by),
    )
    show_rows(plain_rows(read), read.columns, output)
    note(f"{product.key}.{found.name}, table version {read.version}: {read.uri}")


def read_table(
    here: Invocation,
    product: "Product",
    dataset: "Dataset",
    *,
    quarantine: bool = False,
    limit: int = 10,
    columns: tuple[str, ...] = (),
    order_by: tuple[str, ...] = (),
) -> "Preview":
    """Return the first rows of a dataset's table, or of its refused rows."""
    from landfall import addresses
    from landfall.preview import preview as read_preview

    settings = here.settings()
    path = (
        addresses.quarantine_path(product.domain, product.name, dataset.name)
        if quarantine
        else addresses.table_path(product.domain, product.name, dataset.layer, dataset.name)
    )
    uri = addresses.abfss_uri(settings.storage_account, addresses.LAKE, path)
    return read_preview(settings, uri, limit=limit, columns=columns, order_by=order_by)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
