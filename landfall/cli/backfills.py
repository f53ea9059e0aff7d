"""`landfall backfill` and `landfall backfills`: landed files of a range taken in again, as an object to steer."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.completing import complete_backfill_state, complete_product
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.listing import Cursor, Limit, note_following, one_of
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import invocation
from landfall.cli.runs import Timeout

if TYPE_CHECKING:
    from landfall.metadata.engine import Database
    from landfall.runs.backfill_acts import Backfill

_LIST_COLUMNS = (
    "backfill_id",
    "product",
    "state",
    "files_done",
    "files",
    "requested_at",
    "requested_by",
    "reason",
)
_CHUNK_COLUMNS = ("number", "state", "files", "run_id", "finished_at", "reason")

BackfillArgument = Annotated[
    str, typer.Argument(metavar="BACKFILL", help="A backfill's id, or its first characters.")
]


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall backfill mobility/flights --from 2026-01-01 --to 2026-02-01 --dry-run",
            "landfall backfill mobility/flights --from 17 --to 90 --datasets weather_landed",
        )
    )(backfill)
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Backfills: how far they are; pause, resume, cancel.",
    )
    group.command("list", epilog=examples("landfall backfills list --product mobility/flights"))(list_them)
    group.command(epilog=examples("landfall backfills show 3f2a"))(show)
    group.command(epilog=examples("landfall backfills pause 3f2a"))(pause)
    group.command(epilog=examples("landfall backfills resume 3f2a"))(resume)
    group.command(epilog=examples("landfall backfills cancel 3f2a"))(cancel)
    app.add_typer(group, name="backfills")


def backfill(
    context: typer.Context,
    product: Annotated[
        str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
    ],
    first: Annotated[
        str,
        typer.Option(
            "--from", metavar="DATE|FILE", help="Files that landed from then on (UTC), or from this id."
        ),
    ],
    last: Annotated[
        str,
        typer.Option("--to", metavar="DATE|FILE", help="Files that landed before then, or up to this id."),
    ],
    datasets: Annotated[
        str, typer.Option(metavar="NAME,…", help="Only files of these; without it, of every landed dataset.")
    ] = "",
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, max=5_000, help="Files that one run takes in.")
    ] = 100,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be taken in.")] = False,
    wait: Annotated[bool, typer.Option(help="Tell of each chunk until the backfill has ended.")] = False,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Take landed files in again, chunk by chunk, behind what lands meanwhile; their rows are replaced."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    names = [name.strip() for name in datasets.split(",") if name.strip()]
    choice = {"from": first, "to": last, "datasets": names, "chunk_files": chunk, "dry_run": dry_run}
    here = invocation(context)
    client = FunctionsClient.connect(here.settings(), actor=actor())
    answer = dict(client.backfill(product, choice))
    left = answer.pop("left")
    if output is OutputFormat.JSON:
        show_json({**answer, "left": left})
    else:
        show_fields(answer, output)
    for file in left:
        note(f"file {file['file_id']} stays as it is: {file['reason']}")
    if dry_run:
        return
    if wait:
        raise typer.Exit(_wait_for(here.database(), answer["backfill_id"], timeout))
    note(f"`landfall backfills show {answer['backfill_id'][:8]}` shows how far it is")


def list_them(
    context: typer.Context,
    product: Annotated[
        str | None,
        typer.Option(help="Only backfills of this domain/product.", autocompletion=complete_product),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only backfills that are running, paused, done or cancelled.",
            autocompletion=complete_backfill_state,
        ),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List backfills, the newest first."""
    from landfall.runs.backfill_list import list_backfills
    from landfall.runs.backfills import BackfillState

    chosen = one_of(BackfillState, state, "--state")
    database = invocation(context).database()
    found = database.read(
        lambda connection: list_backfills(
            connection, product=product, state=chosen, limit=limit, cursor=cursor
        )
    )
    show_rows([asdict(item) for item in found.items], _LIST_COLUMNS, output)
    note_following(found)


def show(context: typer.Context, backfill: BackfillArgument, output: Output = OutputFormat.TABLE) -> None:
    """Show one backfill: how far it is, and its chunks; as TSV the chunks only."""
    from landfall.runs.backfill_acts import get_backfill

    _show(invocation(context).database().read(lambda connection: get_backfill(connection, backfill)), output)


def pause(context: typer.Context, backfill: BackfillArgument, output: Output = OutputFormat.TABLE) -> None:
    """Let a backfill begin no further chunk; the one at work goes on to its end."""
    _change(context, backfill, "pause", output)


def resume(context: typer.Context, backfill: BackfillArgument, output: Output = OutputFormat.TABLE) -> None:
    """Let a paused backfill go on; a chunk that did not succeed is tried again."""
    _change(context, backfill, "resume", output)


def cancel(context: typer.Context, backfill: BackfillArgument, output: Output = OutputFormat.TABLE) -> None:
    """End a backfill, the run of the chunk at work included."""
    _change(context, backfill, "cancel", output)


def _wait_for(database: "Database", backfill_id: str, timeout_s: float | None) -> ExitCode:
    """Tell how far a backfill is until it has ended or paused, and return the code that says how."""
    from landfall.cli.progress import POLL_S, StillRunning
    from landfall.runs.backfill_acts import get_backfill
    from landfall.runs.backfills import BackfillState

    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    told = -1
    while True:
        now = database.read(lambda connection: get_backfill(connection, backfill_id))
        if now.files_done != told:
            told = now.files_done
            note(f"{told:,} of {now.files:,} files")
        if now.state is not BackfillState.RUNNING:
            note(f"backfill {backfill_id} {now.state}{f': {now.reason}' if now.reason else ''}")
            return ExitCode.DONE if now.state is BackfillState.DONE else ExitCode.REFUSED
        if deadline is not None and time.monotonic() >= deadline:
            raise StillRunning(f"backfill {backfill_id}", timeout_s or 0)
        time.sleep(POLL_S)


def _change(context: typer.Context, backfill: str, act: str, output: OutputFormat) -> None:
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    changed = _with_instants(client.change_backfill(backfill, act))
    chunks = changed.pop("chunks")
    if output is OutputFormat.JSON:
        changed["chunks"] = [_with_instants(chunk) for chunk in chunks]
    show_fields(changed, output)


def _with_instants(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer of the API with its instants as such, so that they are shown as everywhere."""
    return {
        key: datetime.fromisoformat(value) if key.endswith("_at") and value else value
        for key, value in answer.items()
    }


def _show(backfill: "Backfill", output: OutputFormat) -> None:
    chunks = [asdict(chunk) for chunk in backfill.chunks]
    if output is OutputFormat.JSON:
        show_json(asdict(backfill))
        return
    if output is OutputFormat.TABLE:
        show_fields({key: value for key, value in asdict(backfill).items() if key != "chunks"}, output)
        print()
    show_rows(chunks, _CHUNK_COLUMNS, output)
