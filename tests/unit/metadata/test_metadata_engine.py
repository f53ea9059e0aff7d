"""Opening the database: which URLs are taken, what is done after which error, and how Azure SQL is signed in to."""

import sqlite3
import struct
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from landfall.metadata.azure_sql import (
    SQL_COPT_SS_ACCESS_TOKEN,
    DatabaseUrlRefused,
    create_azure_sql_engine,
    odbc_connection_string,
    pack_token,
)
from landfall.metadata.engine import Database, RetryPolicy, create_engine
from landfall.metadata.faults import DatabaseAccessDenied, DatabaseUnreachable, Fault, classify


class DriverError(Exception):
    """An error shaped like pyodbc's: an SQLSTATE and the diagnostics as one text."""


def a_server_error(
    number: int, *, state: str = "42000", text: str = "Something is wrong."
) -> sa.exc.DBAPIError:
    original = DriverError(
        state,
        f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{text} ({number}) (SQLExecDirectW)",
    )
    return sa.exc.OperationalError("SELECT 1", {}, original)


class Passing:
    """Work that fails with the given errors, one per attempt, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def __call__(self, _connection: sa.Connection) -> str:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Clock:
    """A monotonic clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def a_database(folder: Path, clock: Clock, *, retry: RetryPolicy | None = None) -> Database:
    engine = create_engine(f"sqlite:///{folder / 'landfall.db'}")
    database = Database(engine, retry=retry, sleep=clock.sleep, monotonic=clock.monotonic, spread=lambda: 0.0)
    return database.unguarded()


TRANSIENT_NUMBERS = (
    1205, 4060, 4221, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920,
)  # fmt: skip


@pytest.mark.parametrize("number", TRANSIENT_NUMBERS)
def test_what_passes_by_itself_is_tried_again(tmp_path: Path, number: int) -> None:
    clock = Clock()
    work = Passing(a_server_error(number), a_server_error(number))

    answer = a_database(tmp_path, clock).transact(work)

    assert answer == "done"
    assert work.attempts == 3
    assert clock.slept == [pytest.approx(0.05), pytest.approx(0.1)]


@pytest.mark.parametrize("state", ["08S01", "08001", "40001", "HYT00"])
def test_a_lost_connection_is_tried_again(tmp_path: Path, state: str) -> None:
    work = Passing(a_server_error(0, state=state))

    a_database(tmp_path, Clock()).read(work)

    assert work.attempts == 2


def test_waiting_ends_with_what_is_wrong_and_where(tmp_path: Path) -> None:
    clock = Clock()
    retry = RetryPolicy(first_s=1.0, cap_s=4.0, give_up_after_s=10.0)
    work = Passing(*(a_server_error(40613, text="Database is not currently available.") for _ in range(99)))

    with pytest.raises(DatabaseUnreachable, match=r"landfall\.db.*not currently available") as caught:
        a_database(tmp_path, clock, retry=retry).transact(work)

    assert caught.value.retryable
    assert clock.slept == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_what_fails_leaves_nothing_behind_in_any_attempt(tmp_path: Path) -> None:
    database = a_database(tmp_path, Clock())
    database.transact(lambda connection: connection.exec_driver_sql("CREATE TABLE Notes (Text TEXT)"))
    errors: list[Exception] = [a_server_error(1205), a_server_error(40197)]

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO Notes VALUES ('once')")
        if errors:
            raise errors.pop()

    database.transact(work)

    notes = database.read(lambda connection: connection.exec_driver_sql("SELECT Text FROM Notes").all())
    assert [tuple(note) for note in notes] == [("once",)]


def test_an_error_in_the_statement_is_not_tried_again(tmp_path: Path) -> None:
    work = Passing(a_server_error(2627, state="23000"))

    with pytest.raises(sa.exc.DBAPIError):
        a_database(tmp_path, Clock()).transact(work)

    assert work.attempts == 1


def test_a_denied_login_says_what_to_do(tmp_path: Path) -> None:
    work = Passing(
        a_server_error(18456, state="28000", text="Login failed for user '<token-identified principal>'.")
    )

    with pytest.raises(DatabaseAccessDenied, match="az login"):
        a_database(tmp_path, Clock()).transact(work)

    assert work.attempts == 1


@pytest.mark.parametrize(
    "text",
    [
        "The duplicate key value is (1205).",
        "Value (40613) is not valid.",
    ],
)
def test_a_number_in_the_data_is_no_error_number(text: str) -> None:
    assert classify(a_server_error(2627, state="23000", text=text)) is Fault.DEFECT


def test_every_diagnostic_of_an_error_counts() -> None:
    original = DriverError(
        "42000",
        "[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]The service is busy. (40501) (SQLExecDirectW); "
        "[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]The statement has been terminated. (3621)",
    )

    assert classify(sa.exc.ProgrammingError("UPDATE", {}, original)) is Fault.TRANSIENT


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    database = Database(create_engine(f"sqlite:///{tmp_path / 'missing' / 'landfall.db'}"))

    with pytest.raises(DatabaseUnreachable, match=r"missing/landfall\.db.*unable to open"):
        database.read(Passing())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "landfall.db"
    file.write_bytes(b"no database at all" * 100)

    with pytest.raises(DatabaseUnreachable, match="not a database"):
        Database(create_engine(f"sqlite:///{file}")).read(Passing())


def test_a_read_cannot_write(tmp_path: Path) -> None:
    database = a_database(tmp_path, Clock())

    with pytest.raises(DatabaseAccessDenied, match="readonly"):
        database.read(lambda connection: connection.exec_driver_sql("CREATE TABLE Notes (Text TEXT)"))
    # The connection goes back to the pool and writes again.
    database.transact(lambda connection: connection.exec_driver_sql("CREATE TABLE Notes (Text TEXT)"))


def test_a_transaction_within_a_transaction_is_refused_instead_of_waiting(tmp_path: Path) -> None:
    database = a_database(tmp_path, Clock())

    with pytest.raises(RuntimeError, match="transact within transact"):
        database.transact(lambda _: database.transact(Passing()))

    assert database.transact(Passing()) == "done"


def test_every_connection_to_sqlite_is_set_up_alike(tmp_path: Path) -> None:
    database = a_database(tmp_path, Clock())

    def pragmas(connection: sa.Connection) -> dict[str, Any]:
        names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    normal = 1
    assert database.read(pragmas) == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "synchronous": normal,
    }


@pytest.mark.parametrize("attempt", [1, 2, 5, 40, 10_000])
def test_delays_are_spread_and_never_longer_than_the_cap(attempt: int) -> None:
    policy = RetryPolicy(first_s=0.5, cap_s=4.0)

    longest = min(0.5 * 2 ** min(attempt - 1, 50), 4.0)

    assert policy.delay_s(attempt, 0.0) == pytest.approx(longest / 2)
    assert policy.delay_s(attempt, 0.999) < longest


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mssql+pyodbc://app:hunter2@sql.example/landfall", "user or password"),
        ("mssql+pyodbc://app@sql.example/landfall", "user or password"),
        ("mssql+pyodbc://sql.example/landfall?Encrypt=no", "'Encrypt' may only be"),
        (
            "mssql+pyodbc://sql.example/landfall?TrustServerCertificate=yes",
            "'TrustServerCertificate' may only be",
        ),
        ("mssql+pyodbc://sql.example/landfall?PWD=hunter2", "'PWD' is not accepted"),
        ("mssql+pyodbc://?odbc_connect=Driver%3Dx%3BPWD%3Dhunter2", "server or database is missing"),
        ("mssql+pyodbc://sql.example", "server or database is missing"),
    ],
)
def test_a_url_that_weakens_the_connection_is_refused(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUrlRefused, match=reason) as caught:
        odbc_connection_string(sa.make_url(url))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "landfall.db", "postgresql://host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlRefused, match="LANDFALL_DATABASE_URL"):
        create_engine(url)


def test_the_connection_is_encrypted_and_no_name_ends_its_value() -> None:
    text = odbc_connection_string(sa.make_url("mssql+pyodbc://sql.example/land%7Dfall%3BUID%3Dsa"))

    assert text == (
        "Driver={ODBC Driver 18 for SQL Server};Server={tcp:sql.example,1433};Database={land}}fall;UID=sa};"
        "Encrypt=yes;TrustServerCertificate=no;APP=landfall"
    )


def test_a_token_is_packed_as_the_driver_wants_it() -> None:
    assert pack_token("ab") == b"\x04\x00\x00\x00a\x00b\x00"


class Dialled(Exception):
    """Stops a connection where a driver would dial out."""


class FakePyodbc:
    """What SQLAlchemy asks of the pyodbc module; it keeps what it was called with and connects to nothing."""

    version = "5.2.0"
    paramstyle = "qmark"
    pooling = True
    Cursor = type("Cursor", (), {"nextset": None})
    Error = DatabaseError = OperationalError = ProgrammingError = DriverError

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def connect(self, *arguments: Any, **options: Any) -> NoReturn:
        self.calls.append((arguments, options))
        raise Dialled


def test_every_new_connection_to_azure_sql_signs_in_with_a_fresh_token() -> None:
    driver = FakePyodbc()
    tokens = iter(["first", "second"])
    engine = create_azure_sql_engine(
        sa.make_url("mssql+pyodbc://sql.example/landfall"), lambda: next(tokens), module=driver
    )

    for _ in range(2):
        with pytest.raises(Dialled):
            engine.connect()

    sent = [options["attrs_before"][SQL_COPT_SS_ACCESS_TOKEN] for _, options in driver.calls]
    assert [value[4:].decode("utf-16-le") for value in sent] == ["first", "second"]
    assert [struct.unpack("<I", value[:4])[0] for value in sent] == [10, 12]
    (connection_string,), _ = driver.calls[0]
    assert "Encrypt=yes" in connection_string
    assert "UID" not in connection_string
    assert "Trusted_Connection" not in connection_string
    assert driver.pooling is False


def test_sqlite_locked_by_another_connection_is_transient(tmp_path: Path) -> None:
    file = tmp_path / "landfall.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    clock = Clock()

    def release(_seconds: float) -> None:
        holder.execute("COMMIT")

    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 0.01})
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    database = Database(engine, sleep=release, monotonic=clock.monotonic).unguarded()

    assert database.transact(Passing()) == "done"
    holder.close()
