"""`landfall land` and `landfall files`: into the landing zone, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.addresses import file_name
from landfall.cli.bulk import BulkAct, DryRun, Yes, act_on_all, given
from landfall.cli.completing import complete_dataset, complete_file_state, complete_product, complete_run
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.listing import Cursor, Limit, Since, instant_of, note_following, one_of
from landfall.cli.output import Output, OutputFormat, Row, note, show_rows
from landfall.cli.project import invocation
from landfall.cli.runs import Timeout, exit_code_of_run, resolve
from landfall.wording import counted

if TYPE_CHECKING:
    from landfall.lake import LandedBlob
    from landfall.landing.queries import LandedFile
    from landfall.metadata.engine import Database
    from landfall.runs.file_history import FileVersion

_LANDED_COLUMNS = ("dataset", "file", "size_bytes", "etag", "url")
_FILE_COLUMNS = (
    "file_id",
    "product",
    "dataset",
    "file",
    "size_bytes",
    "state",
    "run_id",
    "landed_at",
    "reason",
)
_ROW_COUNTS = ("rows_read", "rows_published", "rows_quarantined")
_VERSION_COLUMNS = (*_FILE_COLUMNS, *_ROW_COUNTS, "event_count", "etag", "url")


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall land mobility/flights weather_landed weather.csv"))(land)
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The ledger of landed files.")
    group.command("list", epilog=examples("landfall files list --state unmatched"))(list_files)
    group.command(epilog=examples("landfall files show weather/weather.csv"))(show)
    group.command(
        epilog=examples(
            "landfall files replay 17 18",
            "landfall files replay --state unmatched --product mobility/flights --dry-run",
            "landfall files replay --dataset weather_landed --since 2026-01-31 --yes",
        )
    )(replay)
    app.add_typer(group, name="files")


def land(
    context: typer.Context,
    product: Annotated[
        str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
    ],
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A dataset with a landing path.", autocompletion=complete_dataset
        ),
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", exists=True, readable=True, help="Files, or the folder of a Delta table."
        ),
    ],
    folder: Annotated[
        str | None,
        typer.Option(
            help="Folder to land in, from the product's landing folder on, where the landing path leaves it open."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show the run that takes them in until it has ended.")] = False,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Upload files into the landing zone; a run starts by itself."""
    from landfall.lake import Lake
    from landfall.landing.matching import match_dataset
    from landfall.landing.placing import landing_place, table_places
    from landfall.metadata.catalog import get_current_product

    here = invocation(context)
    current = here.database().read(lambda connection: get_current_product(connection, product)).product
    places: list[tuple[Path, str]] = []
    for file in files:
        if file.is_dir():
            places += table_places(current, dataset, file, folder=folder)
        else:
            places.append((file, landing_place(current, dataset, file.name, folder=folder)))
    lake = Lake.connect(here.settings())
    blobs = lake.land_together(current.domain, current.name, [(place, file) for file, place in places])
    show_rows([_landed_row(dataset, blob) for blob in blobs], _LANDED_COLUMNS, output)
    if not wait:
        note("a run takes them in; `landfall files list` shows how far it is, `land --wait` waits for it")
        return
    # Data files of a table come to nothing by themselves; nobody notes them.
    awaited = [
        blob.etag
        for blob, (_, place) in zip(blobs, places, strict=True)
        if match_dataset(current, place) is not None
    ]
    raise typer.Exit(exit_code_of_files(here.database(), product, awaited, timeout_s=timeout))


def exit_code_of_files(
    database: "Database", product: str, etags: Sequence[str], *, timeout_s: float | None
) -> ExitCode:
    """Show the runs that take files in until they have ended, and return how that went."""
    from landfall.cli.progress import watch_files
    from landfall.runs.states import FileState

    taken = watch_files(database, product, etags, timeout_s=timeout_s)
    rejected = [file for file in taken.files if file.state is not FileState.DONE]
    for version in rejected:
        note(f"{file_name(version.url)} is {version.state}: {version.reason}")
    codes = [exit_code_of_run(run) for run in taken.runs] + [ExitCode.REFUSED for _ in rejected]
    return next((code for code in codes if code is not ExitCode.DONE), ExitCode.DONE)


def list_files(
    context: typer.Context,
    product: Annotated[
        str | None, typer.Option(help="Only files of this domain/product.", autocompletion=complete_product)
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only files that are waiting, pending, claimed, done, rejected or unmatched.",
            autocompletion=complete_file_state,
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only files whose name begins so.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only files of this dataset.")] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Only files that this run claimed last: an id, its first characters, or @last.",
            autocompletion=complete_run,
        ),
    ] = None,
    since: Since = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List landed files, the newest first, those that match no dataset included."""
    from landfall.landing.queries import FileFilter
    from landfall.landing.queries import list_files as read_files
    from landfall.runs.states import FileState

    chosen, landed_since = one_of(FileState, state, "--state"), instant_of(since, "--since")
    database = invocation(context).database()
    wanted = FileFilter(
        product=product,
        dataset=dataset,
        state=chosen,
        run_id=resolve(database, run) if run else None,
        name=name,
        since=landed_since,
    )
    found = database.read(
        lambda connection: read_files(connection, wanted, oldest_first=oldest, limit=limit, cursor=cursor)
    )
    show_rows([_file_row(file, output) for file in found.items], _FILE_COLUMNS, output)
    note_following(found)


def show(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file's id, its name, or the end of its address.")
    ],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show every version of a landed file and what became of it."""
    from landfall.landing.queries import get_file
    from landfall.runs.file_history import histories

    versions = (
        invocation(context)
        .database()
        .read(lambda connection: histories(connection, get_file(connection, file)))
    )
    show_rows([_version_row(version, output) for version in versions], _VERSION_COLUMNS, output)
    if output is OutputFormat.TABLE:
        for version in versions:
            _note_more(version)


def _file_row(file: "LandedFile", output: OutputFormat) -> Row:
    """Return a file for a list; people see where it lies, for files of one name lie in many folders."""
    return {**asdict(file), "file": file.path if output is OutputFormat.TABLE else file.name}


def _version_row(version: "FileVersion", output: OutputFormat) -> Row:
    """Return a version of a file with what its run made of it; JSON has all its runs, and acts on it."""
    counts = asdict(version.taken_in) if version.taken_in is not None else {}
    return {
        **_file_row(version.file, output),
        **{name: counts.get(name) for name in _ROW_COUNTS},
        "intakes": [asdict(intake) for intake in version.intakes],
        "acts": [asdict(act) for act in version.acts],
    }


def _note_more(version: "FileVersion") -> None:
    """Say what does not fit into the columns of a version."""
    file, intake = version.file, version.taken_in
    if intake is not None and intake.rows_quarantined and file.product is not None:
        others = f", counted with {counted(intake.files - 1, 'other file')}" if intake.files > 1 else ""
        note(
            f"file {file.file_id}: {counted(intake.rows_quarantined, 'row')} refused{others}: "
            f"{file.refused_rows_command}"
        )
    for act in version.acts:
        note(
            f"file {file.file_id}: {act.act} by {act.actor} at {act.occurred_at:%Y-%m-%d %H:%M:%S}Z, "
            f"was {act.before}" + (f": {act.detail}" if act.detail else "")
        )


def replay(
    context: typer.Context,
    file_ids: Annotated[
        list[int] | None, typer.Argument(metavar="[FILE_ID…]", help="Ids that `files list` shows.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="All files that are waiting, unmatched, rejected or done, instead of ids; with another filter and "
            "without a state, those that are rejected or unmatched.",
            autocompletion=complete_file_state,
        ),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(
            help="Only files in the folder of this domain/product.", autocompletion=complete_product
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only files that were matched to this dataset.")] = None,
    since: Since = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Put files that have ended back to pending, matched anew; a run takes them in."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient
    from landfall.landing.replay import REPLAYABLE

    choice = given(state=state, product=product, dataset=dataset, since=since)
    if bool(file_ids) == bool(choice):
        raise typer.BadParameter(
            "name files by their ids, or give --state, --product, --dataset or --since; one of the two"
        )
    if state is not None and state not in REPLAYABLE:
        raise typer.BadParameter(
            f"{state!r} is none of {', '.join(sorted(REPLAYABLE))}", param_hint="--state"
        )
    act = BulkAct(
        call=FunctionsClient.connect(invocation(context).settings(), actor=actor()).replay_files,
        rows=_replayed_rows,
        columns=("file_id", "state", "reason"),
        verb="replay",
        noun=("file", "files"),
    )
    named = {"file_ids": list(file_ids)} if file_ids else choice
    # Whoever names files has said yes to them.
    rows = act_on_all(act, named, dry_run=dry_run, yes=yes or bool(file_ids), output=output)
    left = [row for row in rows if row["state"] == "left"]
    # Whoever names a file means that one; a filter is a sweep, of which some files may stay.
    if left and (file_ids or len(left) == len(rows)):
        raise typer.Exit(ExitCode.REFUSED)


def _replayed_rows(answer: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = [
        {"file_id": file_id, "state": "pending", "reason": None} for file_id in answer["replayed"]
    ]
    return [*rows, *({**file, "state": "left"} for file in answer["left"])]


def _landed_row(dataset: str, blob: "LandedBlob") -> dict[str, object]:
    return {
        "dataset": dataset,
        "file": file_name(blob.url),
        "size_bytes": blob.size_bytes,
        "etag": blob.etag,
        "url": blob.url,
    }
