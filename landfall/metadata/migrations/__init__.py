"""Changes of the database's tables: applied, taken back, or printed as T-SQL for somebody else to apply."""

import io
import re
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from landfall.errors import LandfallError

if TYPE_CHECKING:
    from alembic.config import Config

    from landfall.metadata.engine import Database

VERSION_TABLE = "SchemaRevisions"

_FOLDER = Path(__file__).parent
# Alembic keeps what it works on in globals of the process.
_ALEMBIC = threading.Lock()
_LOCK = "landfall-migrations"
_LOCK_TIMEOUT_MS = 60_000
# Behind every batch: where the transaction is gone, nothing more is executed.
_STOP_IF_FAILED = "IF @@TRANCOUNT = 0 SET NOEXEC ON;"
# What an index with a WHERE clause asks of the session (sqlcmd leaves QUOTED_IDENTIFIER off), and
# XACT_ABORT, under which every error ends the transaction.
_SESSION_OPTIONS = (
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "CONCAT_NULL_YIELDS_NULL",
    "QUOTED_IDENTIFIER",
    "XACT_ABORT",
)


class WrongSchemaRevision(LandfallError):
    """The tables are older or newer than this version of Landfall."""

    code = "LF2005"

    def __init__(self, database: str, found: str | None, wanted: str) -> None:
        if found is None:
            fault, remedy = "has no tables of Landfall yet", "Run `landfall db upgrade`"
        elif found < wanted:
            fault = f"is at revision {found}, this version of Landfall needs {wanted}"
            remedy = "Run `landfall db upgrade`"
        else:
            fault = f"is at revision {found}, which this version of Landfall (at {wanted}) does not know"
            remedy = "Install the version of Landfall that upgraded it, or a newer one"
        super().__init__(f"{database}: the metadata database {fault}. {remedy}.")
        self.database = database
        self.found = found
        self.wanted = wanted


class UnknownSchemaRevision(LandfallError):
    """A revision that no migration has."""

    code = "LF2006"

    def __init__(self, revision: str) -> None:
        super().__init__(f"no schema revision '{revision}'; there are {', '.join(revisions())}.")
        self.revision = revision


class MigrationUnderWay(LandfallError):
    """Another process migrates the same database."""

    code = "LF2007"
    retryable = True

    def __init__(self, database: str) -> None:
        super().__init__(
            f"{database}: another process has been migrating the metadata database for more than "
            f"{_LOCK_TIMEOUT_MS // 1000} s. Wait for it to end and run `landfall db upgrade` again."
        )
        self.database = database


def upgrade(database: "Database", revision: str = "head") -> None:
    """Bring the tables to ``revision``, all or nothing; a database that is there already stays as it is.

    Raises:
        UnknownSchemaRevision: There is no such revision.
        MigrationUnderWay: Another process holds the lock for migrations.
        DatabaseUnreachable: The database could not be reached.
    """
    from alembic import command

    target = _known(revision)
    _in_one_transaction(database, lambda config: command.upgrade(config, target))


def downgrade(database: "Database", revision: str) -> None:
    """Take the tables back to ``revision``, or away with ``base``; what only newer ones hold is lost.

    Raises:
        UnknownSchemaRevision: There is no such revision.
        MigrationUnderWay: Another process holds the lock for migrations.
        DatabaseUnreachable: The database could not be reached.
    """
    from alembic import command

    target = revision if revision == "base" else _known(revision)
    _in_one_transaction(database, lambda config: command.downgrade(config, target))


def current_revision(database: "Database") -> str | None:
    """Return the revision of the tables, ``None`` for a database without them."""
    return database.unguarded().read(find_revision)


def find_revision(connection: sa.Connection) -> str | None:
    """Return the revision of the tables that ``connection`` sees, ``None`` if there are none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(
        sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))
    ).scalar_one_or_none()
    return revision


def require_head(connection: sa.Connection, database: str) -> None:
    """Refuse to work on tables that are not those of this version of Landfall.

    Raises:
        WrongSchemaRevision: They are older, newer or not there.
    """
    found = find_revision(connection)
    if found != head():
        raise WrongSchemaRevision(database, found, head())


def sql_script(*, from_revision: str | None = None, to: str = "head") -> str:
    """Return the T-SQL that brings Azure SQL from one revision to another, forward or back.

    Args:
        from_revision: Revision that the database is at; ``None`` for an empty database.
        to: Revision to reach; ``base`` takes all tables away.

    Raises:
        UnknownSchemaRevision: There is no such revision.
    """
    from alembic import command

    start = "base" if from_revision is None else _known(from_revision)
    target = to if to == "base" else _known(to)
    backwards = start != "base" and (target == "base" or target < start)
    write = command.downgrade if backwards else command.upgrade
    statements = io.StringIO()
    with _ALEMBIC:
        write(_config(statements), f"{start}:{target}", sql=True)
    return _as_one_transaction(statements.getvalue(), start, target)


@cache
def revisions() -> tuple[str, ...]:
    """Return the revisions, oldest first. Read from the file names, so that no start pays for Alembic."""
    return tuple(sorted(path.name.split("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py")))


def head() -> str:
    """Return the revision that this version of Landfall works with."""
    return revisions()[-1]


def alembic_config(connection: sa.Connection) -> "Config":
    """Return the configuration under which Alembic's commands work on ``connection``."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def _known(revision: str) -> str:
    if revision == "head":
        return head()
    if revision not in revisions():
        raise UnknownSchemaRevision(revision)
    return revision


def _config(output: io.StringIO | None = None) -> "Config":
    from alembic.config import Config

    config = Config(output_buffer=output)
    # The configuration is an ini file to Alembic, where a percent sign starts a reference.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def _in_one_transaction(database: "Database", change: Callable[["Config"], None]) -> None:
    def work(connection: sa.Connection) -> None:
        _lock(connection, database.name)
        with _ALEMBIC:
            change(alembic_config(connection))

    database.unguarded().transact(work)


def _lock(connection: sa.Connection, database: str) -> None:
    """Let no second process migrate until the transaction ends; SQLite has its write lock for that."""
    if connection.dialect.name != "mssql":
        return
    outcome: int = connection.execute(
        sa.text(
            "SET NOCOUNT ON; DECLARE @outcome INT; "
            "EXEC @outcome = sp_getapplock @Resource = :lock, @LockMode = 'Exclusive', "
            "@LockOwner = 'Transaction', @LockTimeout = :timeout; SELECT @outcome"
        ),
        {"lock": _LOCK, "timeout": _LOCK_TIMEOUT_MS},
    ).scalar_one()
    # 0 and 1: granted, at once or after a wait.
    if outcome < 0:
        raise MigrationUnderWay(database)


def _as_one_transaction(script: str, start: str, target: str) -> str:
    """Return Alembic's batches as a script that changes everything or nothing, whatever client runs it.

    A client such as sqlcmd goes on after a batch that failed. XACT_ABORT rolls everything back there, and
    NOEXEC keeps the batches behind it from running outside of the transaction.
    """
    if start == "base":
        wrong = f"OBJECT_ID(N'[{VERSION_TABLE}]') IS NOT NULL"
        found = "an empty database"
    else:
        wrong = f"NOT EXISTS (SELECT 1 FROM [{VERSION_TABLE}] WHERE version_num = '{start}')"  # noqa: S608 - one of our revisions
        found = f"a database at revision {start}"
    check = (
        "DECLARE @outcome INT;\n"
        f"EXEC @outcome = sp_getapplock @Resource = N'{_LOCK}', @LockMode = N'Exclusive', "
        f"@LockOwner = N'Transaction', @LockTimeout = {_LOCK_TIMEOUT_MS};\n"
        f"IF @outcome < 0\n{_refusal('Another process migrates this database.')};\n"
        f"IF @@TRANCOUNT > 0 AND {wrong}\n{_refusal(f'This script is for {found}.')};"
    )
    lines = [
        f"-- Landfall's metadata database, revision {start} to {target}, in one transaction.",
        f"-- For {found} in Azure SQL: sqlcmd -G -b -I -S SERVER -d DATABASE -i THIS_FILE",
        "",
        *(f"SET {option} ON;" for option in _SESSION_OPTIONS),
        "SET NUMERIC_ROUNDABORT OFF;",
        "GO",
        "",
        "BEGIN TRANSACTION;",
        "GO",
        "",
    ]
    for batch in (check, *_batches(script)):
        lines += [batch, "GO", _STOP_IF_FAILED, "GO", ""]
    lines += ["COMMIT TRANSACTION;", "GO", "SET NOEXEC OFF;", "GO", ""]
    return "\n".join(lines)


def _refusal(message: str) -> str:
    """Return the block that ends the script's transaction with ``message``."""
    return f"BEGIN\n    RAISERROR(N'{message}', 16, 1);\n    ROLLBACK TRANSACTION;\nEND"


def _batches(script: str) -> list[str]:
    """Return the batches between the GO lines of ``script``."""
    batches = (batch.strip() for batch in re.split(r"^GO$", script, flags=re.MULTILINE))
    return [re.sub(r"[ \t]+$", "", batch, flags=re.MULTILINE) for batch in batches if batch]
