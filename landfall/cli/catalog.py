"""`landfall catalog`: what is applied, as files for the company's catalogue."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation
from landfall.wording import counted

_COLUMNS = ("path", "kind", "bytes")


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The company's catalogue of data.")
    group.command(
        epilog=examples(
            "landfall catalog export out/catalogue",
            "landfall --target prod catalog export out/catalogue --product mobility/flights",
        )
    )(export)
    app.add_typer(group, name="catalog")


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Takes the files; it is made if need be.")],
    product: Annotated[str | None, typer.Option(help="Only this domain/product.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Write products, contracts, owners, freshness and lineage as they are applied, in words of open standards.

    A product is an ODPS file, the contract of a port an ODCS file, lineage down to the column is OpenLineage, one
    event a line. Files that are there already are written anew; others in the folder are left alone.
    """
    from landfall.catalogue.events import Teller
    from landfall.catalogue.export import export_catalogue

    here = invocation(context)
    settings = here.settings()
    teller = Teller(namespace=settings.catalogue_namespace or "landfall", account=settings.storage_account)
    now = datetime.now(UTC)
    files = here.database().read(
        lambda connection: export_catalogue(connection, teller, now=now, product=product)
    )
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")
    rows = [{"path": file.path, "kind": file.kind, "bytes": len(file.text.encode())} for file in files]
    show_rows(rows, _COLUMNS, output)
    note(f"{counted(len(files), 'file is', 'files are')} in {folder}")
