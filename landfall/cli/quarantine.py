"""`landfall quarantine`: rows that were refused, and what becomes of them."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.bulk import DryRun, Yes
from landfall.cli.completing import complete_dataset, complete_held_state, complete_product, complete_run
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.listing import Cursor, Limit, Since, instant_of, note_following
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_rows
from landfall.cli.project import Invocation, invocation
from landfall.cli.running import follow
from landfall.cli.runs import Timeout, resolve

if TYPE_CHECKING:
    from landfall.metadata.engine import Database
    from landfall.runs.quarantining import HeldRows

_LIST_COLUMNS = (
    "product",
    "dataset",
    "rule",
    "rows_held",
    "share",
    "age",
    "runs",
    "files",
    "rows_released",
    "rows_discarded",
)
_REFUSING_COLUMNS = ("product", "dataset", "rows", "runs", "last_run", "last_rows", "last_at")
_ROW_COLUMNS = ("state", "rules", "source_file", "line", "run_id", "quarantined_at", "reason", "row")

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="dataset, or domain/product.dataset", autocompletion=complete_dataset
    ),
]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="NAME", help="Only rows that this rule refused; may be repeated."),
]
Runs = Annotated[
    list[str] | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Only rows that this run refused: an id, its first characters, or @last.",
        autocompletion=complete_run,
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option("--file", metavar="FILE", help="Only rows of this file: its address, or the end of it."),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Rows that were refused, and what becomes of them."
    )
    group.command("list", epilog=examples("landfall quarantine list --product mobility/flights"))(list_held)
    group.command("datasets", epilog=examples("landfall quarantine datasets --since 7d"))(list_refusing)
    group.command(
        epilog=examples(
            "landfall quarantine show planes_landed",
            "landfall quarantine show planes_landed --rule year_known --state all --output json",
        )
    )(show)
    group.command(
        epilog=examples(
            "landfall quarantine replay planes_landed --dry-run",
            "landfall quarantine replay planes_landed --rule year_known --yes",
        )
    )(replay)
    group.command(
        epilog=examples(
            'landfall quarantine discard planes_landed --file planes.csv --reason "test data" --yes',
        )
    )(discard)
    app.add_typer(group, name="quarantine")


def list_refusing(
    context: typer.Context,
    product: Annotated[
        str | None, typer.Option(help="Only those of this domain/product.", autocompletion=complete_product)
    ] = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List datasets of which runs refused rows, those of which some were refused last first.

    It asks the database alone; how many rows are still held, `landfall quarantine list` counts in the lake.
    """
    from landfall.runs.refused_list import list_refused

    wanted_since = instant_of(since, "--since")
    found = (
        invocation(context)
        .database()
        .read(
            lambda connection: list_refused(
                connection, product=product, since=wanted_since, limit=limit, cursor=cursor
            )
        )
    )
    show_rows([asdict(item) for item in found.items], _REFUSING_COLUMNS, output)
    note_following(found)


def list_held(
    context: typer.Context,
    product: Annotated[
        str | None, typer.Option(help="Only rows of this domain/product.", autocompletion=complete_product)
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only rows of this dataset.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what lies in quarantine by dataset and rule; a row that several rules refused counts for each."""
    from landfall.lake import Lake
    from landfall.quarantine import list_held as read_held

    here = invocation(context)
    settings = here.settings()
    found = read_held(here.database(), Lake.connect(settings), settings, product=product, dataset=dataset)
    now = datetime.now(UTC)
    rows = []
    for item in found:
        row = asdict(item)
        row["age_s"] = (now - item.oldest_at).total_seconds() if item.oldest_at else None
        row["age"] = _age(row["age_s"])
        if output is OutputFormat.TABLE and item.share is not None:
            row["share"] = f"{item.share:.2%}"
        rows.append(row)
    show_rows(rows, _LIST_COLUMNS, output)


def show(
    context: typer.Context,
    dataset: DatasetArgument,
    rule: Rules = None,
    run: Runs = None,
    file: Files = None,
    state: Annotated[
        str,
        typer.Option(
            help="Rows that are held, released or discarded, or all.", autocompletion=complete_held_state
        ),
    ] = "held",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Rows to show.")] = 20,
    newest: Annotated[bool, typer.Option("--newest", help="The newest rows first.")] = False,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show refused rows with their rules, reason, file and line, the oldest first unless told otherwise."""
    from landfall.quarantine import read_rows
    from landfall.runs.held_rows import HeldState, RowOrder

    if state not in (*HeldState, "all"):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(HeldState)}, all", param_hint="--state")
    here = invocation(context)
    database = here.database()
    product, chosen = _chosen(database, dataset, rule, run, file)
    found = read_rows(
        database,
        here.settings(),
        product,
        chosen,
        state=None if state == "all" else HeldState(state),
        order=RowOrder.NEWEST if newest else RowOrder.OLDEST,
        limit=limit,
        cursor=cursor,
    )
    show_rows([asdict(row) for row in found.items], _ROW_COLUMNS, output)
    note_following(found)


def replay(
    context: typer.Context,
    dataset: DatasetArgument,
    rule: Rules = None,
    run: Runs = None,
    file: Files = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option(help="Show progress until the run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Judge refused rows again by the rules of now, publish those that pass, and build what reads them."""
    here = invocation(context)
    product, chosen = _chosen(here.database(), dataset, rule, run, file)
    if _agreed(here, product, chosen, "replay", dry_run=dry_run, yes=yes, output=output):
        _act(here, product, chosen, "replay", reason, output, wait=wait, timeout=timeout)


def discard(
    context: typer.Context,
    dataset: DatasetArgument,
    reason: Annotated[str, typer.Option(help="Why these rows are given up; it stays with them.")],
    rule: Rules = None,
    run: Runs = None,
    file: Files = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option(help="Show progress until the run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Give refused rows up; they stay in the quarantine with your name and the reason."""
    here = invocation(context)
    product, chosen = _chosen(here.database(), dataset, rule, run, file)
    if _agreed(here, product, chosen, "discard", dry_run=dry_run, yes=yes, output=output):
        _act(here, product, chosen, "discard", reason, output, wait=wait, timeout=timeout)


def _chosen(
    database: "Database",
    dataset: str,
    rules: list[str] | None,
    run_texts: list[str] | None,
    files: list[str] | None,
) -> tuple[str, "HeldRows"]:
    """Return the product, and the rows that somebody means."""
    from landfall.metadata.catalog import get_dataset
    from landfall.runs.quarantining import HeldRows

    product, found = database.read(lambda connection: get_dataset(connection, dataset))
    run_ids = tuple(resolve(database, text) for text in run_texts or ())
    return product.key, HeldRows(found.name, tuple(rules or ()), run_ids, tuple(files or ()))


def _agreed(
    here: Invocation,
    product: str,
    chosen: "HeldRows",
    verb: str,
    *,
    dry_run: bool,
    yes: bool,
    output: OutputFormat,
) -> bool:
    """Show what an act is about, and return whether it is to be done."""
    from landfall.quarantine import count_chosen

    if not dry_run and not yes and not sys.stdin.isatty():
        raise typer.BadParameter(
            "this acts on all rows that meet the filter: give --yes, or --dry-run to see how many",
            param_hint="--yes",
        )
    if yes and not dry_run:
        return True
    choice = count_chosen(here.database(), here.settings(), product, chosen)
    counted = f"{choice.rows:,} held row{'' if choice.rows == 1 else 's'} of {product}.{chosen.dataset}"
    if dry_run:
        show_fields({"product": product, "dataset": chosen.dataset, **asdict(choice)}, output)
        note(f"nothing was done: without --dry-run this would {verb} {counted}")
    elif choice.rows:
        note(", ".join(f"{name}: {rows:,}" for name, rows in choice.by_rule.items()))
    if choice.unreadable and verb == "replay":
        note(
            f"{choice.unreadable:,} of them could not be taken apart and stay; land a corrected file, or take "
            "theirs in again with `landfall files replay`"
        )
    if dry_run:
        return False
    if not choice.rows:
        note(f"there is nothing to {verb}")
        return False
    if not typer.confirm(f"{verb} {counted}?", err=True):
        raise typer.Exit(ExitCode.REFUSED)
    return True


def _act(
    here: Invocation,
    product: str,
    chosen: "HeldRows",
    act: str,
    reason: str | None,
    output: OutputFormat,
    *,
    wait: bool,
    timeout: float | None,
) -> None:
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    body: Mapping[str, Any] = {
        "dataset": chosen.dataset,
        "rules": list(chosen.rules),
        "runs": list(chosen.runs),
        "files": list(chosen.files),
        **({"reason": reason} if reason else {}),
    }
    started = FunctionsClient.connect(here.settings(), actor=actor()).act_on_quarantine(product, act, body)
    follow(here.database(), started, output, wait=wait, timeout=timeout)


def _age(seconds: float | None) -> str | None:
    """Return an age as people say it: ``3d``, ``5h``, ``12m`` or ``40s``."""
    if seconds is None:
        return None
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"
