"""`landfall audit`: who did what, in the API, the console and on the command line."""

from dataclasses import asdict
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.listing import Cursor, Limit, Since, instant_of, note_following
from landfall.cli.output import Output, OutputFormat, show_rows
from landfall.cli.project import invocation

_COLUMNS = ("occurred_at", "actor", "via", "act", "domain", "subject", "parameters")


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall audit                                 the newest acts",
            "landfall audit --subject mobility/flights      what was done to a product",
            "landfall audit --actor ada --since 7d          what somebody did in the last week",
        )
    )(audit)


def audit(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    act: Annotated[str | None, typer.Option(help="Only acts whose name begins so, such as run.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this product or run.")] = None,
    since: Since = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show who did what, when and with which parameters, the newest first."""
    from landfall.metadata.audit import AuditFilter, list_acts

    wanted = AuditFilter(actor=actor, act=act, subject=subject, since=instant_of(since, "--since"))
    page = (
        invocation(context)
        .database()
        .read(lambda connection: list_acts(connection, wanted, limit=limit, cursor=cursor))
    )
    show_rows([asdict(item) for item in page.items], _COLUMNS, output)
    note_following(page)
