"""`landfall import`: parts of a product file from what exists elsewhere."""

import re
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import note
from landfall.cli.products import shown_path
from landfall.cli.project import invocation


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Parts of a product file from what exists elsewhere.",
    )
    # A callback keeps the name of the only command.
    group.callback()(lambda: None)
    group.command(
        epilog=examples(
            "landfall import database mobility/fleet fleet_db",
            "landfall import database mobility/fleet fleet_db --schema hr --table Staff",
        )
    )(database)
    app.add_typer(group, name="import")


def database(
    context: typer.Context,
    product: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT", help="A product, new or not.")],
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Name of the source in the product file, such as fleet_db."),
    ],
    schema: Annotated[
        str | None, typer.Option(help="Schema of the tables, if not the account's own.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="Only this table; may be said again.")
    ] = None,
) -> None:
    """Write the datasets that copy the tables of an existing database.

    The database is reached by the variable LANDFALL_CONNECTION_<SOURCE>, an SQLAlchemy URL. Types, keys and columns
    that could be watermarks are read from it. A new product gets a product.yml; what is there already is left as it is.
    """
    from landfall.copying.reflect import read_tables
    from landfall.copying.source import SourceDatabase
    from landfall.copying.writing import datasets_text, product_text, source_text
    from landfall.settings import source_connection
    from landfall.spec.fields import NAME_PATTERN
    from landfall.spec.load import check_products
    from landfall.spec.project import PRODUCT_FILE, PRODUCTS_FOLDER
    from landfall.spec.scaffold import NotAProductName, ProductExists

    domain, _, name = product.partition("/")
    if not all(re.fullmatch(NAME_PATTERN, part) for part in (domain, name)):
        raise NotAProductName(product)
    if not re.fullmatch(NAME_PATTERN, source):
        raise typer.BadParameter(f"{source!r} is not a name", param_hint="SOURCE")
    root = invocation(context).folder()
    folder = root / PRODUCTS_FOLDER / domain / name
    target = folder / "datasets" / f"{source}.yml"
    if target.exists():
        raise ProductExists(target)
    reached = SourceDatabase.connect(source, source_connection(source))
    tables = read_tables(reached, schema=schema, only=table or ())
    existing = check_products(root, product)[0] if (folder / PRODUCT_FILE).exists() else ()
    taken = [dataset.name for item in existing for dataset in item.datasets]
    texts = {target: datasets_text(source, tables, taken)}
    if not (folder / PRODUCT_FILE).exists():
        texts[folder / PRODUCT_FILE] = product_text(product, source, reached.kind)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        print(shown_path(path))
    _, faults = check_products(root, product)
    for fault in faults:
        note(str(fault))
    if any(fault.code == "LF1042" and f"'{source}'" in fault.message for fault in faults):
        note(
            f"declare the source in {shown_path(folder / PRODUCT_FILE)}:\n  {source_text(source, reached.kind)}"
        )
    if faults:
        raise typer.Exit(ExitCode.REFUSED)
    note(f"{len(tables)} tables; choose watermarks among those named in comments, then `landfall apply`")
