"""`landfall pause` and `landfall resume`: what operators do to a whole product."""

from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_fields
from landfall.cli.project import invocation

ProductArgument = Annotated[str, typer.Argument(metavar="PRODUCT", help="domain/product")]


def register(app: typer.Typer) -> None:
    app.command(epilog=examples('landfall pause mobility/flights --reason "source sends doubles"'))(pause)
    app.command(epilog=examples("landfall resume mobility/flights"))(resume)


def pause(
    context: typer.Context,
    product: ProductArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who ask `landfall why`.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Let a product open no new run; what lands and what is asked for waits, an open run goes on."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    show_fields(client.pause(product, reason=reason), output)
    note(f"`landfall resume {product}` ends the pause")


def resume(context: typer.Context, product: ProductArgument, output: Output = OutputFormat.TABLE) -> None:
    """Let a paused product open runs again; what has waited starts one at once."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    show_fields(client.resume(product), output)
