"""`landfall lineage`: where a dataset or column comes from, what is made of it, and by which files and runs."""

from dataclasses import asdict
from typing import Annotated

import typer

from landfall.cli.completing import complete_dataset
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_json, show_rows, table_text
from landfall.cli.project import invocation

_LINK_COLUMNS = ("depth", "source", "target", "kind")
_FILE_COLUMNS = ("file_id", "dataset", "url", "size_bytes", "landed_at", "run_id")
_ORIGIN_COLUMNS = ("dataset", "run_id", "published_at", "table_version", "rows", "files", "refused")


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall lineage daily_delays                          what it is made of, by which files and runs",
            "landfall lineage daily_delays.share_late               where one column comes from",
            "landfall lineage daily_delays --files                  which landed files it was made of",
            "landfall lineage flights_landed.arr_time --downstream  what breaks if that column goes",
        )
    )(lineage)


def lineage(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="DATASET[.COLUMN]",
            help="dataset or domain/product.dataset, or a column of it",
            autocompletion=complete_dataset,
        ),
    ],
    downstream: Annotated[
        bool,
        typer.Option("--downstream/--upstream", help="What is made of it, instead of what it is made of."),
    ] = False,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Levels to follow; without it, to the end.")
    ] = None,
    files: Annotated[
        bool, typer.Option("--files", help="The landed files that the table was made of, instead.")
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(min=0, help="With --files: another version of the table than the current one."),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show where a dataset or column comes from, or what is made of it, down to the column.

    An edge of kind value says that the target is made of the source; one of kind filter says that the source
    decides which rows the target has, whose column is then *; one of kind assumed that code in between, such as a
    python step, cannot be read, so that all it is given may be in all it gives. For a dataset, a second table tells
    the run that published each dataset on the way, the landed files it took in and the rows that rules refused.
    """
    from landfall.lineage.edges import DependencyKind
    from landfall.lineage.traces import ALL_COLUMNS
    from landfall.metadata.lineage import Direction
    from landfall.runs.provenance import provenance

    if version is not None and not files:
        raise typer.BadParameter("it goes with --files", param_hint="--version")
    if files:
        _show_files(context, subject, version, output)
        return
    direction = Direction.DOWNSTREAM if downstream else Direction.UPSTREAM
    found = (
        invocation(context)
        .database()
        .read(lambda connection: provenance(connection, subject, direction, depth=depth))
    )
    answer = found.to_payload()
    if output is OutputFormat.JSON:
        show_json(answer)
        return
    show_rows(answer["links"], _LINK_COLUMNS, output)
    if output is OutputFormat.TABLE and found.subject.column == ALL_COLUMNS and found.origins:
        print(f"\n{table_text(answer['origins'], _ORIGIN_COLUMNS)}")
    if any(link.kind is DependencyKind.ASSUMED for link in found.links):
        note(
            "edges of kind assumed are not known: code in between cannot be read, so all its columns lead to all"
        )
    if not found.links:
        note(f"nothing is known {direction} of {subject}")


def _show_files(context: typer.Context, subject: str, version: int | None, output: OutputFormat) -> None:
    from landfall.runs.files_behind import FILES_SHOWN, files_behind

    found = (
        invocation(context)
        .database()
        .read(lambda connection: files_behind(connection, subject, version=version))
    )
    show_rows([asdict(file) for file in found], _FILE_COLUMNS, output)
    if len(found) == FILES_SHOWN:
        note(f"only the newest {FILES_SHOWN} files are shown")
