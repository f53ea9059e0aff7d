"""`landfall up`, `down`, `status`, `doctor`: the laptop stack."""

from dataclasses import asdict
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation

_STATUS_COLUMNS = ("name", "state", "pid", "address", "detail")


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall up", "landfall up --no-host    and then: func start"))(up)
    app.command(epilog=examples("landfall down"))(down)
    app.command(epilog=examples("landfall status --output json"))(status)


def up(
    context: typer.Context,
    host: Annotated[
        bool, typer.Option(help="Start the local function host; --no-host leaves its port to `func start`.")
    ] = True,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Start the laptop stack.

    Storage, storage events, Spark, the jobs server and the function host, each on loopback. What runs
    already stays as it is.
    """
    from landfall.local import stack

    folder = invocation(context).folder()
    services = stack.start(folder, host=host)
    show_rows([asdict(service) for service in services], _STATUS_COLUMNS, output)
    note("the laptop stack runs; `landfall down` stops it")


def down(context: typer.Context) -> None:
    """Stop the laptop stack; its data stays below .landfall/."""
    from landfall.local import stack

    stack.stop(invocation(context).folder())
    note("the laptop stack is stopped; its data stays in .landfall/")


def status(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show what of the laptop stack runs, and where."""
    from landfall.local import stack

    services = stack.status(invocation(context).folder())
    show_rows([asdict(service) for service in services], _STATUS_COLUMNS, output)
