"""Acts on all that meet a filter: batch by batch, shown before they are done, done only when somebody says yes."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import OutputFormat, Row, note, show_rows, table_text

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking; needed without a terminal.")]


@dataclass(frozen=True, slots=True)
class BulkAct:
    """An act on all that meet a filter.

    Attributes:
        call: Sends a batch to the function app; what it takes and answers goes on at ``following``.
        rows: The rows to show of an answer.
        verb: What is done, for the question: ``cancel``.
        noun: What it is done to, one and many.
    """

    call: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    rows: Callable[[Mapping[str, Any]], Iterable[Row]]
    columns: Sequence[str]
    verb: str
    noun: tuple[str, str]


def act_on_all(
    act: BulkAct, choice: Mapping[str, Any], *, dry_run: bool, yes: bool, output: OutputFormat
) -> list[Row]:
    """Show what would be done and ask, then do it and show what came of each; return those rows."""
    if not dry_run and not yes and not sys.stdin.isatty():
        raise typer.BadParameter(
            "this acts on all that meet the filter: give --yes, or --dry-run to see which", param_hint="--yes"
        )
    if dry_run or not yes:
        found: list[Row] = []
        _send(act, {**choice, "dry_run": True}, found)
        if dry_run:
            show_rows(found, act.columns, output)
            note(f"nothing was done: without --dry-run this would {act.verb} {_counted(act, found)}")
            return found
        note(table_text(found, act.columns))
        if not _doable(found):
            note(f"there is nothing to {act.verb}")
            return found
        if not typer.confirm(f"{act.verb} {_counted(act, found)}?", err=True):
            raise typer.Exit(ExitCode.REFUSED)
    done: list[Row] = []
    try:
        _send(act, choice, done)
    finally:
        # What was done before a batch failed is told too; repeating the command goes on from there.
        show_rows(done, act.columns, output)
    return done


def given(**fields: object) -> dict[str, Any]:
    """Return the fields of a filter that say something."""
    return {key: value for key, value in fields.items() if value not in (None, False)}


def _send(act: BulkAct, choice: Mapping[str, Any], rows: list[Row]) -> None:
    """Send batch after batch until nothing follows, and add what comes of each to ``rows``."""
    following: Any = None
    while True:
        answer = act.call(choice if following is None else {**choice, "after": following})
        rows += act.rows(answer)
        following = answer["following"]
        if following is None:
            return


def _doable(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.get("outcome", row.get("state")) != "left"]


def _counted(act: BulkAct, rows: Sequence[Row]) -> str:
    count = len(_doable(rows))
    return f"{count} {act.noun[0] if count == 1 else act.noun[1]}"
