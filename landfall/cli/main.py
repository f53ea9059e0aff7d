"""The `landfall` command: the root, its global options, and the one place where errors become exit codes."""

import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from landfall.cli import (
    applied,
    audit,
    backfills,
    catalog,
    config,
    contract,
    copying,
    database,
    demo,
    importing,
    landing,
    letters,
    lineage,
    operating,
    product_tests,
    products,
    profile,
    purge,
    quarantine,
    run_shape,
    running,
    runs,
    slo,
    stack,
    tables,
)
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode, exit_code_of
from landfall.cli.output import note
from landfall.cli.project import Invocation
from landfall.errors import LandfallError

# Plain help: rich would add a fifth of a second to every start.
app = typer.Typer(
    name="landfall",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog=examples(
        "landfall demo                  the example product on real data, from nothing to gold",
        "landfall init sales/orders     a product of your own that validates and runs",
        "landfall up                    the laptop stack",
    )
)
def root(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option(help="Folder with landfall.yml; without it, the nearest one from here upwards."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Target of landfall.yml, such as laptop or prod; without it, the project's default."
        ),
    ] = None,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,
) -> None:
    """Files land, data products refresh.

    Declare a data product in YAML; land its files; every table downstream is built, checked and recorded.
    """
    context.obj = Invocation(project_folder=project, target_name=target)


products.register(app)
product_tests.register(app)
stack.register(app)
landing.register(app)
copying.register(app)
importing.register(app)
letters.register(app)
quarantine.register(app)
of_runs = runs.register(app)
running.register(app, of_runs)
run_shape.register(of_runs)
applied.register(app)
operating.register(app)
backfills.register(app)
lineage.register(app)
slo.register(app)
contract.register(app)
catalog.register(app)
tables.register(app)
profile.register(app)
database.register(app)
config.register(app)
purge.register(app)
audit.register(app)
demo.register(app)


def main(arguments: Sequence[str]) -> int:
    """Run the command with ``arguments`` and return its exit code."""
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="landfall")
    except SystemExit as end:
        # How the command library ends: 0, wrong usage, or the code a verb asked for.
        return end.code if isinstance(end.code, int) else ExitCode.INTERNAL
    except LandfallError as error:
        show_error(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        note("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:
        _show_defect(error, with_traceback="--debug" in arguments)
        return ExitCode.INTERNAL
    return ExitCode.DONE


def run() -> None:
    """The entry point of the console script."""
    # What the terminal's encoding lacks is told by its number; a name that it lacks is no reason to end.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def show_error(error: LandfallError) -> None:
    """Tell what went wrong, one fault a line; faults of files carry their own place and code."""
    faults: Sequence[object] = getattr(error, "faults", ())
    if faults:
        for fault in faults:
            note(str(fault))
    else:
        note(f"{error.code} {error}")


def _show_defect(error: Exception, *, with_traceback: bool) -> None:
    if with_traceback:
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    note(
        f"LF6000 internal error: {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno}). "
        "This is a defect of Landfall; run again with `landfall --debug …` and report the traceback."
    )
