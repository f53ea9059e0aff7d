"""What a database error means: try again, somebody must act, or a defect in our own statement."""

import re
import sqlite3
from enum import StrEnum

import sqlalchemy as sa

from landfall.errors import ErrorKind, LandfallError


class DatabaseUnreachable(LandfallError):
    """The database did not answer, or not in time."""

    code = "LF2001"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"{database}: the metadata database cannot be reached ({reason}). "
            "On a laptop look at `landfall doctor`; in Azure at the database's availability, its private "
            "endpoint and the name in LANDFALL_DATABASE_URL."
        )
        self.database = database
        self.reason = reason


class DatabaseAccessDenied(LandfallError):
    """The database, or Entra ID in front of it, refuses who we are."""

    code = "LF2002"
    kind = ErrorKind.UNREACHABLE

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"{database}: the metadata database denies access ({reason}). In Azure the app's identity needs "
            "a contained user (CREATE USER … FROM EXTERNAL PROVIDER); as a developer sign in with `az login`."
        )
        self.database = database
        self.reason = reason


class Fault(StrEnum):
    """What to do about a database error."""

    TRANSIENT = "transient"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    DEFECT = "defect"


_SQLITE_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault.TRANSIENT,
    sqlite3.SQLITE_LOCKED: Fault.TRANSIENT,
    sqlite3.SQLITE_PERM: Fault.DENIED,
    sqlite3.SQLITE_READONLY: Fault.DENIED,
    sqlite3.SQLITE_AUTH: Fault.DENIED,
    sqlite3.SQLITE_CANTOPEN: Fault.UNREACHABLE,
    sqlite3.SQLITE_CORRUPT: Fault.UNREACHABLE,
    sqlite3.SQLITE_FULL: Fault.UNREACHABLE,
    sqlite3.SQLITE_IOERR: Fault.UNREACHABLE,
    sqlite3.SQLITE_NOTADB: Fault.UNREACHABLE,
}

_SQL_SERVER_TRANSIENT = frozenset(
    {
        20,  # the instance does not support encryption: what a gateway says while it fails over
        64,  # the connection broke during login
        233,  # the connection broke before the login was through
        1205,  # chosen as the victim of a deadlock
        1222,  # lock request timed out
        4060,  # the database cannot be opened, while it moves or wakes up
        4221,  # login to a read replica that is still starting
        10053,  # the connection was aborted
        10054,  # the connection was reset
        10060,  # the connection attempt timed out
        10928,  # the limit of workers or sessions is reached
        10929,  # the same, while the server is busy
        40143,  # the service met an error while it handled the request
        40197,  # the service met an error while it handled the request
        40501,  # the service is busy
        40540,  # the service met an error and gave up the transaction
        40613,  # the database is not available now, for example while it resumes from a pause
        49918,  # not enough resources to handle the request
        49919,  # too many create or update operations
        49920,  # too many operations on the subscription
    }
)
_SQL_SERVER_DENIED = frozenset(
    {
        229,  # permission denied on an object
        262,  # permission denied in the database
        916,  # the login has no user in the database
        18456,  # login failed
        40615,  # not let through by the firewall
        47073,  # public network access is denied
    }
)
# Connection lost or never made, timed out, serialisation failure.
_TRANSIENT_SQLSTATES = frozenset(
    {"08001", "08003", "08004", "08007", "08S01", "40001", "HYT00", "HYT01", "IMC06"}
)
_DENIED_SQLSTATES = frozenset({"28000"})

# pyodbc joins the diagnostics as `[state] text (number) (function); [state] text (number)`. A number in
# brackets inside a text, say of a duplicate key value, is followed by neither a function nor the next record.
_NATIVE_ERROR = re.compile(r"\((\d+)\)(?= \(SQL\w+\)|; \[|$)")


def classify(error: sa.exc.DBAPIError) -> Fault:
    """Return what to do about ``error``, which a driver of SQLite or SQL Server raised."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        # The low byte is the primary code; the others say more about it.
        code = getattr(original, "sqlite_errorcode", None)
        return Fault.DEFECT if code is None else _SQLITE_FAULTS.get(code & 0xFF, Fault.DEFECT)
    numbers = sql_server_errors(original)
    if not numbers.isdisjoint(_SQL_SERVER_TRANSIENT):
        return Fault.TRANSIENT
    if not numbers.isdisjoint(_SQL_SERVER_DENIED):
        return Fault.DENIED
    state = _sqlstate(original)
    if error.connection_invalidated or state in _TRANSIENT_SQLSTATES:
        return Fault.TRANSIENT
    return Fault.DENIED if state in _DENIED_SQLSTATES else Fault.DEFECT


def sql_server_errors(original: BaseException | None) -> frozenset[int]:
    """Return the SQL Server error numbers that a pyodbc error carries."""
    if original is None or len(original.args) < 2:
        return frozenset()
    return frozenset(int(number) for number in _NATIVE_ERROR.findall(str(original.args[1])))


def _sqlstate(original: BaseException | None) -> str:
    return str(original.args[0]) if original is not None and original.args else ""
