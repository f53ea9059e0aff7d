"""`landfall audit`: who did what, in the API, the console and on the command line."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
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
    since: Annotated[str | None, typer.Option(help="Instant, date, or age such as 12h or 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on behind a former page.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show who did what, when and with which parameters, the newest first."""
    from landfall.instants import read_since
    from landfall.metadata.audit import AuditFilter, list_acts

    from_then = read_since(since, datetime.now(UTC)) if since is not None else None
    if since is not None and from_then is None:
        raise typer.BadParameter(
            f"{since!r} is neither an instant nor an age such as 12h or 7d", param_hint="--since"
        )
    wanted = AuditFilter(actor=actor, act=act, subject=subject, since=from_then)
    page = (
        invocation(context)
        .database()
        .read(lambda connection: list_acts(connection, wanted, limit=limit, cursor=cursor))
    )
    show_rows([asdict(item) for item in page.items], _COLUMNS, output)
    if page.following is not None:
        note(f"there are more: --cursor {page.following}")
