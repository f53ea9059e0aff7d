"""A source database as this machine reaches it: values one by one by SQLAlchemy, rows in batches of columns.

Rows never pass through SQLAlchemy: PostgreSQL's come as Arrow by its ADBC driver, those of the others from the cursor
of their driver.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from landfall.errors import ErrorKind, LandfallError
from landfall.spec.copying import Engine

BATCH_ROWS: Final = 20_000
"""Rows held at once by each reader of a table, where its driver counts rows."""

BATCH_BYTES: Final = 4 * 1024 * 1024
"""Bytes held at once by each reader, where its driver counts those."""

Columns = Sequence["pa.Array[Any] | Sequence[Any]"]
"""Some rows as columns of equal length."""

_ENGINES: Final = {
    "mssql": Engine.SQLSERVER,
    "postgresql": Engine.POSTGRESQL,
    "oracle": Engine.ORACLE,
    "sqlite": Engine.SQLITE,
}


class SourceNotUsable(LandfallError):
    """The URL of a source names nothing that this machine could connect to."""

    code = "LF4301"

    def __init__(self, source: str, reason: str) -> None:
        known = ", ".join(_ENGINES)
        super().__init__(
            f"the source {source!r} cannot be used from here: {reason}. Known are {known}; PostgreSQL needs psycopg, "
            "SQL Server pyodbc with its driver, Oracle oracledb."
        )
        self.source = source


class SourceUnreachable(LandfallError):
    """A source database does not answer, or denies access."""

    code = "LF4302"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, source: str, where: str, reason: str) -> None:
        super().__init__(
            f"the source {source!r} at {where} does not answer or denies access: {reason}. Check the URL, and whether "
            "the account may connect."
        )
        self.source = source


class SourceRefused(LandfallError):
    """A source database does not do what a copy asks of it."""

    code = "LF4303"

    def __init__(self, source: str, reason: str, statement: str) -> None:
        super().__init__(
            f"the source {source!r} refused a statement: {reason}. Check table, columns and filter of the dataset, and "
            f"whether the account may read them. The statement was: {statement}"
        )
        self.source = source


class SourceDatabase:
    """One source; each question has a connection of its own, so threads may ask side by side."""

    def __init__(self, name: str, engine: sa.Engine) -> None:
        self.name = name
        self.engine = engine

    @classmethod
    def connect(cls, name: str, url: str) -> Self:
        """Return the source that a URL names; nothing is sent to it yet.

        Raises:
            SourceNotUsable: No such database can be connected to from here.
        """
        try:
            engine = sa.create_engine(url, poolclass=sa.NullPool)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            # The text of an ArgumentError repeats the URL, which may hold a password.
            reason = "it is no URL of a database" if isinstance(error, ArgumentError) else _reason(error)
            raise SourceNotUsable(name, reason) from None
        if engine.dialect.name not in _ENGINES:
            raise SourceNotUsable(name, f"{engine.dialect.name} is not known")
        return cls(name, engine)

    @property
    def kind(self) -> Engine:
        """What the database is."""
        return _ENGINES[self.engine.dialect.name]

    def value(self, statement: str) -> Any:
        """Return the only value of a statement.

        Raises:
            SourceUnreachable: The database does not answer or denies access.
            SourceRefused: It does not run the statement.
        """
        row = self.row(statement)
        return None if row is None else row[0]

    def row(self, statement: str) -> Sequence[Any] | None:
        """Return the first row of a statement; raises as ``value`` does."""
        with self._connection() as connection, self._our_errors(statement):
            return connection.execute(_plain(statement)).first()

    def batches(self, statement: str) -> Iterator[Columns]:
        """Yield the rows of a statement as columns, some rows at once; raises as ``value`` does.

        The database keeps the rows until they are asked for, where its driver can.
        """
        if self.kind is Engine.POSTGRESQL:
            yield from self._arrow_batches(statement)
            return
        with self._connection() as connection:
            # The driver's own cursor: whole tuples, and nothing in the statement stands for a parameter.
            cursor = connection.connection.cursor()
            cursor.arraysize = BATCH_ROWS
            with self._our_errors(statement):
                cursor.execute(statement)
            while True:
                with self._our_errors(statement):
                    rows = cursor.fetchmany(BATCH_ROWS)
                if not rows:
                    return
                yield tuple(zip(*rows, strict=True))

    def _arrow_batches(self, statement: str) -> Iterator[Columns]:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import StatementOptions, dbapi

        where = self.engine.url.set(drivername="postgresql")
        try:
            connection = dbapi.connect(where.render_as_string(hide_password=False))
        except Error as error:
            shown = self.engine.url.render_as_string(hide_password=True)
            raise SourceUnreachable(self.name, shown, _reason(error)) from error
        with connection, connection.cursor() as cursor:
            try:
                cursor.adbc_statement.set_options(
                    **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
                )
                cursor.execute(statement)
                for batch in cursor.fetch_record_batch():
                    yield batch.columns
            except (Error, pa.ArrowException, OSError) as error:
                raise SourceRefused(self.name, _reason(error), statement) from error

    def inspector(self) -> sa.Inspector:
        """Return what tells the tables and columns of the database; raises ``SourceUnreachable``."""
        with self._connection():
            return sa.inspect(self.engine)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            connection = self.engine.connect()
        except (SQLAlchemyError, OSError) as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise SourceUnreachable(self.name, where, _reason(error)) from error
        with connection:
            yield connection

    @contextmanager
    def _our_errors(self, statement: str) -> Iterator[None]:
        driver: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        try:
            yield
        except (SQLAlchemyError, driver) as error:
            raise SourceRefused(self.name, _reason(error), statement) from error


def _plain(statement: str) -> sa.TextClause:
    """Return a statement in which nothing stands for a parameter, whatever it holds."""
    return sa.text(statement.replace(":", r"\:"))


def _reason(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(said).strip().splitlines() or [type(said).__name__])[0]
