"""`landfall dead-letters` and `landfall alarms`: what could not be handled, and what somebody has to know of."""

from dataclasses import asdict
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation

_LETTER_COLUMNS = ("letter_id", "source", "state", "event_count", "last_seen_at", "reason")
_ALARM_COLUMNS = ("alarm_id", "name", "subject", "raised_at", "cleared_at", "detail")

LetterIds = Annotated[
    list[int], typer.Argument(metavar="LETTER_ID…", help="Ids that `dead-letters list` shows.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Events that could not be handled, kept with the reason.",
    )
    group.command("list", epilog=examples("landfall dead-letters list"))(list_letters)
    group.command(epilog=examples("landfall dead-letters show 3"))(show)
    group.command(epilog=examples("landfall dead-letters replay 3 4"))(replay)
    group.command(epilog=examples("landfall dead-letters discard 3"))(discard)
    app.add_typer(group, name="dead-letters")
    app.command(epilog=examples("landfall alarms --product mobility/flights"))(alarms)


def list_letters(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="Letters that are dead, replayed or discarded.")] = "dead",
    limit: Annotated[int, typer.Option(min=1, help="Newest letters to show.")] = 50,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List messages that are no event of a finished file, or that could not be handled."""
    from landfall.landing.dead_letters import LetterState, list_dead_letters

    if state not in list(LetterState):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(LetterState)}", param_hint="--state")
    wanted = LetterState(state)
    database = invocation(context).database()
    found = database.read(lambda connection: list_dead_letters(connection, state=wanted, limit=limit))
    show_rows([asdict(letter) for letter in found], _LETTER_COLUMNS, output)


def show(context: typer.Context, letter_ids: LetterIds, output: Output = OutputFormat.TABLE) -> None:
    """Show dead letters with the message as it came."""
    from landfall.landing.dead_letters import get_dead_letters

    database = invocation(context).database()
    found = database.read(lambda connection: get_dead_letters(connection, letter_ids))
    show_rows([asdict(letter) for letter in found], (*_LETTER_COLUMNS, "ended_by", "payload"), output)


def replay(context: typer.Context, letter_ids: LetterIds, output: Output = OutputFormat.TABLE) -> None:
    """Handle dead letters again, after their cause was put right."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    replayed = client.replay_dead_letters(letter_ids)
    show_rows(replayed, ("letter_id", "state", "reason"), output)
    if any(letter["state"] == "dead" for letter in replayed):
        raise typer.Exit(ExitCode.REFUSED)


def discard(context: typer.Context, letter_ids: LetterIds) -> None:
    """Give dead letters up; they stay in the table with your name."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    done = client.discard_dead_letters(letter_ids)
    note(f"{len(done)} of {len(set(letter_ids))} discarded")


def alarms(
    context: typer.Context,
    product: Annotated[str | None, typer.Option(help="Only alarms of this domain/product.")] = None,
    cleared: Annotated[bool, typer.Option("--all", help="Also those whose cause is gone.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Newest alarms to show.")] = 50,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what somebody has to know of, such as sets of files that are late."""
    from landfall.metadata.alarms import list_alarms

    database = invocation(context).database()
    found = database.read(
        lambda connection: list_alarms(connection, product=product, cleared=cleared, limit=limit)
    )
    show_rows([asdict(alarm) for alarm in found], _ALARM_COLUMNS, output)
