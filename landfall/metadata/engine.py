"""The one way to the database: pooled connections and transactions that survive what passes by itself."""

import copy
import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from landfall.metadata.azure_sql import DatabaseUrlRefused, create_azure_sql_engine, entra_token_provider
from landfall.metadata.faults import DatabaseAccessDenied, DatabaseUnreachable, Fault, classify
from landfall.metadata.migrations import require_head
from landfall.settings import Settings

Answer = TypeVar("Answer")

_BUSY_TIMEOUT_S = 30
# Execution options of a connection: its transactions only read; each of its statements commits by itself.
_READ_ONLY = "landfall_read_only"
_SINGLE = "landfall_single"

_in_transaction: ContextVar[bool] = ContextVar("landfall_in_transaction", default=False)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on after transient errors; durations in seconds.

    Attributes:
        first_s: Delay before the second attempt; it doubles with every further one.
        cap_s: Longest delay.
        give_up_after_s: No attempt starts later than this after the first one. The default outlasts the
            minute that a paused serverless database takes to come back.
    """

    first_s: float = 0.1
    cap_s: float = 8.0
    give_up_after_s: float = 90.0

    def delay_s(self, attempt: int, spread: float) -> float:
        """Return the delay after failed ``attempt`` (counted from 1); ``spread`` in [0, 1) is the jitter.

        The result lies in [0.5, 1) x min(first_s * 2 ** (attempt - 1), cap_s): callers that failed together
        do not come back together.
        """
        return float((0.5 + 0.5 * spread) * min(self.first_s * 2.0 ** min(attempt - 1, 32), self.cap_s))


class Database:
    """The metadata database, safe to share between threads; every process opens its own.

    Attributes:
        engine: For migrations and tests; everything else goes through ``transact`` and ``read``.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        autocommit: sa.Engine | None = None,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.engine = engine
        # Whether to look at the revision of the tables before the next transaction.
        self._guarded = True
        self._companion: Callable[[sa.Connection], None] | None = None
        # Where a commit is a round trip, whoever only reads has connections that need none.
        alone = engine if autocommit is None else autocommit
        self._reader = alone.execution_options(**{_READ_ONLY: True})
        self._single = alone.execution_options(**{_SINGLE: True})
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._monotonic = monotonic
        self._spread = spread

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return the database that ``settings`` names; nothing is sent to it yet.

        Raises:
            DatabaseUrlRefused: The URL is malformed, of an unknown kind or carries a password.
        """
        client_id = settings.managed_identity_client_id
        engine = create_engine(settings.database_url, managed_identity_client_id=client_id)
        if engine.dialect.name != "mssql":
            return cls(engine)
        return cls(
            engine,
            autocommit=create_engine(
                settings.database_url, managed_identity_client_id=client_id, autocommit=True
            ),
        )

    def unguarded(self) -> Self:
        """Return the same database without the check that its tables are those of this version: to migrate it."""
        other = copy.copy(self)
        other._guarded = False
        return other

    def accompanied(self, write: Callable[[sa.Connection], None]) -> Self:
        """Return the same database, whose first transaction that commits does ``write`` too, at its end.

        As all work of a transaction, ``write`` must have the effect of once when it runs twice.
        """
        other = copy.copy(self)
        other._companion = write
        return other

    @property
    def name(self) -> str:
        """Where the database is, without anything secret."""
        return describe(self.engine.url)

    def transact(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """Run ``work`` in one write transaction, commit it and return what it returned.

        The whole of ``work`` runs again after a transient error. A connection may break after the database
        committed and before it said so, so ``work`` must have the effect of once when it runs twice, as every
        conditional update has. On SQLite the transaction holds the write lock from the start. On Azure SQL it
        runs as READ COMMITTED with row versions: what ``work`` reads may change before it writes, so decide
        in the WHERE of the update, or hold the product's lease row first.

        Raises:
            DatabaseUnreachable: It could not be reached, or was too busy, for as long as the policy waits.
            DatabaseAccessDenied: It refuses who we are or what we do.
            WrongSchemaRevision: Its tables are not those of this version of Landfall.
            sqlalchemy.exc.IntegrityError: A constraint refused the change; as every other error in a
                statement it is left as it is.
        """
        companion = self._companion
        if companion is None:
            return self._write(lambda: self._run_in(self.engine, work))

        def both(connection: sa.Connection) -> Answer:
            answer = work(connection)
            companion(connection)
            return answer

        answer = self._write(lambda: self._run_in(self.engine, both))
        self._companion = None
        return answer

    def transact_one(self, statement: sa.UpdateBase, parameters: Mapping[str, Any] | None = None) -> int:
        """Send one statement that commits by itself, one round trip, and return how many rows it changed.

        It is sent again after a transient error, as for ``transact``.

        Raises:
            DatabaseUnreachable: As for ``transact``.
            DatabaseAccessDenied: As for ``transact``.
            WrongSchemaRevision: As for ``transact``.
        """

        def send(connection: sa.Connection) -> int:
            return connection.execute(statement, parameters).rowcount

        return self._write(lambda: self._run_in(self._single, send))

    def read(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """Run ``work``, which only reads, and return what it returned.

        On SQLite all its reads see one state of the database, and a write is refused. On Azure SQL each query sees
        what is committed when it begins, and there is no transaction to end.

        Raises:
            DatabaseUnreachable: As for ``transact``.
            DatabaseAccessDenied: As for ``transact``.
            WrongSchemaRevision: As for ``transact``.
        """
        return self._persist(lambda: self._run_in(self._reader, work))

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            DatabaseUnreachable: As for ``transact``.
            DatabaseAccessDenied: As for ``transact``.
        """
        self.read(lambda connection: connection.execute(sa.select(sa.literal(1))).scalar_one())

    def close(self) -> None:
        """Close the pooled connections; the database opens new ones if it is used again."""
        self.engine.dispose()
        self._single.dispose()

    def _write(self, send: Callable[[], Answer]) -> Answer:
        if _in_transaction.get():
            # The inner one would wait for the lock of the outer one until it times out.
            raise RuntimeError("transact within transact; hand the connection on instead")
        token = _in_transaction.set(True)
        try:
            return self._persist(send)
        finally:
            _in_transaction.reset(token)

    def _run_in(self, engine: sa.Engine, work: Callable[[sa.Connection], Answer]) -> Answer:
        with engine.begin() as connection:
            if self._guarded:
                require_head(connection, self.name)
                # Once is enough: nobody migrates under a running app without restarting it.
                self._guarded = False
            return work(connection)

    def _persist(self, attempt_once: Callable[[], Answer]) -> Answer:
        """Return what ``attempt_once`` returns, trying again after transient errors."""
        started = self._monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return attempt_once()
            except sa.exc.TimeoutError as error:
                # All connections of the pool were in use for as long as it waits: waiting more helps nobody.
                raise DatabaseUnreachable(self.name, "no free connection in the pool") from error
            except sa.exc.DBAPIError as error:
                fault = classify(error)
                if fault is Fault.DEFECT:
                    raise
                reason = str(error.orig)
                if fault is Fault.DENIED:
                    raise DatabaseAccessDenied(self.name, reason) from error
                delay_s = self._retry.delay_s(attempt, self._spread())
                waited_s = self._monotonic() - started
                if fault is Fault.UNREACHABLE or waited_s + delay_s > self._retry.give_up_after_s:
                    raise DatabaseUnreachable(self.name, reason) from error
            self._sleep(delay_s)


def create_engine(
    database_url: str, *, managed_identity_client_id: str | None = None, autocommit: bool = False
) -> sa.Engine:
    """Return a pooled engine for a SQLite file or Azure SQL.

    Args:
        database_url: ``sqlite:////path/to/file.db`` or ``mssql+pyodbc://server/database``.
        managed_identity_client_id: User-assigned identity to sign in to Azure SQL with; ``None`` means
            whoever is signed in.
        autocommit: Whether each statement commits by itself, on Azure SQL.

    Raises:
        DatabaseUrlRefused: The URL is malformed, of an unknown kind or carries a password.
        DatabaseDriverMissing: The ODBC driver for Azure SQL is not installed.
    """
    try:
        url = sa.make_url(database_url)
    except sa.exc.ArgumentError as error:
        raise DatabaseUrlRefused("it is not a database URL") from error
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _create_sqlite_engine(url)
        case "mssql+pyodbc":
            options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
            return create_azure_sql_engine(
                url, entra_token_provider(describe(url), managed_identity_client_id), **options
            )
        case other:
            raise DatabaseUrlRefused(f"'{other}' is not a database that Landfall works on")


def describe(url: sa.URL) -> str:
    """Return where the database is, for messages: its server and name, or its file."""
    return f"{url.host}/{url.database}" if url.host else str(url.database or url.drivername)


def _create_sqlite_engine(url: sa.URL) -> sa.Engine:
    if url.database in (None, "", ":memory:"):
        raise DatabaseUrlRefused("SQLite needs a file, because several processes share it")
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        # SQLAlchemy begins the transactions, see _begin_sqlite; the driver must not begin its own.
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=8,
        max_overflow=56,
        pool_timeout=_BUSY_TIMEOUT_S,
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # First, because the change to WAL may itself have to wait for another process.
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # In WAL mode this loses no consistency, only the last commits when the machine loses its power.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    read_only = options.get(_READ_ONLY, False)
    # Past SQLAlchemy, whose bookkeeping for a statement costs many times what these cost.
    driver: Any = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    if options.get(_SINGLE, False):
        return
    # A deferred transaction that turns to writing fails at once if another one wrote meanwhile; the busy
    # timeout does not help it. So who may write takes the lock first.
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    try:
        driver.execute(begin)
    except sqlite3.OperationalError as error:
        raise sa.exc.OperationalError(begin, None, error) from error
