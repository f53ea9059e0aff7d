"""`landfall db`: the metadata database's tables."""

from typing import Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.output import note
from landfall.cli.project import invocation


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The metadata database.")
    group.command(epilog=examples("landfall --target prod db upgrade"))(upgrade)
    group.command(
        epilog=examples(
            "landfall db sql > create.sql              for an empty database",
            "landfall db sql --from 0001 > next.sql    for one at revision 0001",
        )
    )(sql)
    app.add_typer(group, name="db")


def upgrade(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="Revision to reach.")] = "head",
) -> None:
    """Bring the tables of the metadata database up to date, all or nothing."""
    from landfall.metadata.migrations import current_revision
    from landfall.metadata.migrations import upgrade as upgrade_tables

    database = invocation(context).database()
    before = current_revision(database)
    upgrade_tables(database, revision)
    after = current_revision(database)
    note(f"{database.name}: at revision {after}" + ("" if before == after else f", was {before or 'empty'}"))


def sql(
    from_revision: Annotated[
        str | None, typer.Option("--from", help="Revision the database is at; without it, an empty one.")
    ] = None,
    to: Annotated[str, typer.Option(help="Revision to reach.")] = "head",
) -> None:
    """Print the T-SQL that brings an Azure SQL database up to date."""
    from landfall.metadata.migrations import sql_script

    print(sql_script(from_revision=from_revision, to=to))
