"""`landfall dead-letters` and `landfall alarms`: what could not be handled, and what somebody has to know of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from operator import itemgetter
from typing import Annotated, Any

import typer

from landfall.cli.bulk import BulkAct, DryRun, Yes, act_on_all, given
from landfall.cli.completing import complete_letter_state, complete_product
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.listing import Cursor, Limit, Since, note_following, one_of
from landfall.cli.output import Output, OutputFormat, Row, show_rows
from landfall.cli.project import invocation

_LETTER_COLUMNS = ("letter_id", "source", "state", "event_count", "last_seen_at", "reason")
_ALARM_COLUMNS = ("alarm_id", "name", "subject", "raised_at", "cleared_at", "detail")

LetterIds = Annotated[
    list[int], typer.Argument(metavar="LETTER_ID…", help="Ids that `dead-letters list` shows.")
]
LettersOrNone = Annotated[
    list[int] | None,
    typer.Argument(metavar="[LETTER_ID…]", help="Ids that `dead-letters list` shows; or a filter instead."),
]
Source = Annotated[
    str | None, typer.Option(help="All dead letters that came by event_grid, queue or poison.")
]
ErrorCode = Annotated[
    str | None, typer.Option("--code", metavar="LFnnnn", help="Only those with this code of the error.")
]
AllLetters = Annotated[bool, typer.Option("--all", help="All dead letters, where no other filter is given.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Events that could not be handled, kept with the reason.",
    )
    group.command("list", epilog=examples("landfall dead-letters list"))(list_letters)
    group.command(epilog=examples("landfall dead-letters show 3"))(show)
    group.command(
        "replay",
        help="Handle dead letters again, after their cause was put right.",
        epilog=examples(
            "landfall dead-letters replay 3 4", "landfall dead-letters replay --since 12h --dry-run"
        ),
    )(_verb("replay"))
    group.command(
        "discard",
        help="Give dead letters up; they stay in the table with your name.",
        epilog=examples("landfall dead-letters discard 3"),
    )(_verb("discard"))
    app.add_typer(group, name="dead-letters")
    app.command(epilog=examples("landfall alarms --product mobility/flights"))(alarms)


def list_letters(
    context: typer.Context,
    state: Annotated[
        str,
        typer.Option(
            help="Letters that are dead, replayed or discarded, or all.", autocompletion=complete_letter_state
        ),
    ] = "dead",
    source: Annotated[
        str | None, typer.Option(help="Only letters that came by event_grid, queue or poison.")
    ] = None,
    code: ErrorCode = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List messages that are no event of a finished file, or that could not be handled."""
    from landfall.landing.dead_letters import LetterFilter, LetterSource, LetterState, list_dead_letters

    wanted = LetterFilter(
        None if state == "all" else one_of(LetterState, state, "--state"),
        one_of(LetterSource, source, "--source"),
        code,
    )
    database = invocation(context).database()
    found = database.read(
        lambda connection: list_dead_letters(connection, wanted, limit=limit, cursor=cursor)
    )
    show_rows([asdict(letter) for letter in found.items], _LETTER_COLUMNS, output)
    note_following(found)


def show(context: typer.Context, letter_ids: LetterIds, output: Output = OutputFormat.TABLE) -> None:
    """Show dead letters with the message as it came."""
    from landfall.landing.dead_letters import get_dead_letters

    database = invocation(context).database()
    found = database.read(lambda connection: get_dead_letters(connection, letter_ids))
    show_rows([asdict(letter) for letter in found], (*_LETTER_COLUMNS, "ended_by", "payload"), output)


def _verb(verb: str) -> Callable[..., None]:
    """Return the command that replays or discards letters: which ones is told in the same way."""

    def act(
        context: typer.Context,
        letter_ids: LettersOrNone = None,
        source: Source = None,
        code: ErrorCode = None,
        since: Since = None,
        everything: AllLetters = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        output: Output = OutputFormat.TABLE,
    ) -> None:
        choice = _choice(letter_ids, source=source, error_code=code, since=since, all=everything)
        done = _act(context, verb, choice, dry_run=dry_run, yes=yes or bool(letter_ids), output=output)
        # A letter that was replayed in vain is dead again.
        if verb == "replay" and not dry_run and any(letter["state"] == "dead" for letter in done):
            raise typer.Exit(ExitCode.REFUSED)

    return act


def _choice(letter_ids: Sequence[int] | None, **filters: object) -> dict[str, Any]:
    choice = given(**filters)
    if bool(letter_ids) == bool(choice):
        raise typer.BadParameter(
            "name letters by their ids, or give --source, --code, --since or --all; one of the two"
        )
    return {"letter_ids": list(letter_ids)} if letter_ids else choice


def _act(
    context: typer.Context,
    verb: str,
    choice: Mapping[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    output: OutputFormat,
) -> list[Row]:
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    act = BulkAct(
        call=partial(client.act_on_letters, verb),
        rows=itemgetter("letters"),
        columns=("letter_id", "state", "reason"),
        verb=verb,
        noun=("letter", "letters"),
    )
    return act_on_all(act, choice, dry_run=dry_run, yes=yes, output=output)


def alarms(
    context: typer.Context,
    product: Annotated[
        str | None, typer.Option(help="Only alarms of this domain/product.", autocompletion=complete_product)
    ] = None,
    cleared: Annotated[bool, typer.Option("--all", help="Also those whose cause is gone.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Newest alarms to show.")] = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what somebody has to know of, such as sets of files that are late."""
    from landfall.metadata.alarms import list_alarms

    database = invocation(context).database()
    found = database.read(
        lambda connection: list_alarms(
            connection, product=product, cleared=cleared, limit=limit, cursor=cursor
        )
    )
    show_rows([asdict(alarm) for alarm in found.items], _ALARM_COLUMNS, output)
    note_following(found)
