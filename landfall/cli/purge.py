"""`landfall purge`: what has had its time by policy."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from landfall.cli.auditing import doing_on_database
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation

_COLUMNS = ("product", "what", "count")


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall purge --dry-run     what would go",
            "landfall config set retention.runs 30d --product mobility/flights",
        )
    )(purge)


def purge(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete rows and control objects that have had their time; a nightly timer does the same by itself."""
    from landfall.lake import Lake
    from landfall.purging import purge as purge_by_policy

    here = invocation(context)
    lake = Lake.connect(here.settings())
    doing = doing_on_database("purge", datetime.now(UTC))
    purged = purge_by_policy(doing.audited(here.database()), lake, now=doing.at, dry_run=dry_run)
    rows = [
        {"product": item.product, "what": what, "count": count}
        for item in purged
        for what, count in (*sorted(item.rows.items()), ("control/ of runs", item.control_runs))
        if count
    ]
    show_rows(rows, _COLUMNS, output)
    note(
        "nothing was deleted (--dry-run)" if dry_run else f"deleted at {datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    )
