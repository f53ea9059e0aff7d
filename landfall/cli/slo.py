"""`landfall slo`: what products promise about freshness and success, and whether they keep it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation

_COLUMNS = (
    "product",
    "name",
    "objective",
    "state",
    "since",
    "age_s",
    "share",
    "measured_at",
    "owner_team",
    "owner_email",
)


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples("landfall slo", "landfall slo --product mobility/flights --missed --output json")
    )(slo)


def slo(
    context: typer.Context,
    product: Annotated[str | None, typer.Option(help="Only objectives of this domain/product.")] = None,
    missed: Annotated[bool, typer.Option("--missed", help="Only those that are missed.")] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show service levels: how fresh datasets are and which share of runs succeeds, against what was promised.

    Exit code 1 means that one is missed. The state is that of the last look, once a minute at the most; age_s
    is the age now.
    """
    from landfall.metadata.catalog import get_current_product
    from landfall.metadata.service_levels import LevelState
    from landfall.runs.service_levels import list_service_levels

    database, now = invocation(context).database(), datetime.now(UTC)
    if product is not None:
        wanted = product
        database.read(lambda connection: get_current_product(connection, wanted))
    found = database.read(lambda connection: list_service_levels(connection, product=product, now=now))
    shown = [level for level in found if not missed or level.state is LevelState.MISSED]
    if shown or output is not OutputFormat.TABLE:
        show_rows([level.to_payload() for level in shown], _COLUMNS, output)
    if not found:
        note("no service levels are declared; a product file says them under service_levels:")
    if any(level.state is LevelState.MISSED for level in found):
        raise typer.Exit(ExitCode.REFUSED)
