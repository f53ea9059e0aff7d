"""Connections to Azure SQL: ODBC Driver 18, encrypted, signed in with an Entra access token, no password."""

import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.faults import DatabaseAccessDenied

# Returns an access token for Azure SQL that is valid now.
TokenProvider = Callable[[], str]

_DRIVER = "ODBC Driver 18 for SQL Server"
_SCOPE = "https://database.windows.net/.default"
# Connection attribute of the ODBC driver, from its msodbcsql.h.
SQL_COPT_SS_ACCESS_TOKEN = 1256

# What may stand after the `?` of the URL. All else is fixed here, so that no URL can weaken the connection.
_ALLOWED_OPTIONS: Mapping[str, frozenset[str]] = {
    "driver": frozenset({_DRIVER.lower()}),
    "encrypt": frozenset({"yes", "strict", "mandatory"}),
    "trustservercertificate": frozenset({"no"}),
}


class DatabaseUrlRefused(LandfallError):
    """A database URL that Landfall does not connect to."""

    code = "LF2003"

    def __init__(self, reason: str) -> None:
        # The URL itself is left out: what is wrong with it may be a secret.
        super().__init__(
            f"LANDFALL_DATABASE_URL: {reason}. Write `mssql+pyodbc://SERVER.database.windows.net/DATABASE` "
            "(the identity signs in with an Entra token) or `sqlite:////path/to/file.db`."
        )
        self.reason = reason


class DatabaseDriverMissing(LandfallError):
    """The machine lacks what is needed to speak to Azure SQL."""

    code = "LF2004"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Azure SQL needs unixODBC and Microsoft's '{_DRIVER}' on this machine ({reason}). "
            "Install the packages unixodbc and msodbcsql18."
        )


def create_azure_sql_engine(url: sa.URL, token: TokenProvider, **engine_options: Any) -> sa.Engine:
    """Return a pooled engine; every new connection signs in with a token fetched for it.

    Args:
        url: ``mssql+pyodbc://server/database``.
        token: Called once per new connection; azure-identity keeps and renews tokens behind it.
        engine_options: Handed on to SQLAlchemy, for tests that bring their own driver module.

    Raises:
        DatabaseUrlRefused: The URL carries a user, a password or an option that weakens the connection.
        DatabaseDriverMissing: pyodbc or unixODBC is not installed.
    """
    connect_url = sa.URL.create("mssql+pyodbc", query={"odbc_connect": odbc_connection_string(url)})
    try:
        engine = sa.create_engine(
            connect_url,
            # Parameters are values, and the text of an error ends up in logs.
            hide_parameters=True,
            # Seconds for the login: enough for the gateway to redirect, then the retry takes over.
            connect_args={"timeout": 15},
            fast_executemany=True,
            # Each worker of the app runs some ten activities at a time; the pool waits rather than grow
            # past what a small database allows (10928 is the answer beyond that).
            pool_size=10,
            max_overflow=10,
            pool_timeout=30,
            pool_pre_ping=True,
            # The gateway drops a connection that was idle for 30 minutes.
            pool_recycle=1500,
            pool_use_lifo=True,
            **engine_options,
        )
    except ImportError as error:
        raise DatabaseDriverMissing(str(error)) from error
    # unixODBC must not pool below SQLAlchemy's pool: it would hand out a session signed in with an old token.
    engine.dialect.dbapi.pooling = False  # type: ignore[union-attr]

    @sa.event.listens_for(engine, "do_connect")
    def sign_in(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
        parameters["attrs_before"] = {SQL_COPT_SS_ACCESS_TOKEN: pack_token(token())}

    return engine


def odbc_connection_string(url: sa.URL) -> str:
    """Return the ODBC connection string for ``url``, always encrypted and with the certificate checked."""
    if url.username or url.password:
        raise DatabaseUrlRefused("a user or password in the URL is not accepted")
    if not url.host or not url.database:
        raise DatabaseUrlRefused("server or database is missing")
    for option, value in url.query.items():
        allowed = _ALLOWED_OPTIONS.get(option.lower())
        if allowed is None:
            raise DatabaseUrlRefused(f"option '{option}' is not accepted")
        if str(value).lower() not in allowed:
            raise DatabaseUrlRefused(f"option '{option}' may only be {' or '.join(sorted(allowed))}")
    encrypt = next((str(value) for name, value in url.query.items() if name.lower() == "encrypt"), "yes")
    parts = {
        "Driver": _braced(_DRIVER),
        "Server": _braced(f"tcp:{url.host},{url.port or 1433}"),
        "Database": _braced(url.database),
        "Encrypt": encrypt,
        "TrustServerCertificate": "no",
        "APP": "landfall",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items())


def pack_token(token: str) -> bytes:
    """Return ``token`` as the driver wants it: UTF-16-LE behind its length in bytes as little-endian int32."""
    encoded = token.encode("utf-16-le")
    return struct.pack(f"<I{len(encoded)}s", len(encoded), encoded)


def entra_token_provider(database: str, client_id: str | None) -> TokenProvider:
    """Return a provider that signs in as the managed identity ``client_id``, or as whoever is signed in."""

    @cache
    def credential() -> Any:
        # Imported late: azure-identity takes longer to import than most commands take to run.
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

        if client_id is not None:
            return ManagedIdentityCredential(client_id=client_id)
        return DefaultAzureCredential()

    def token() -> str:
        from azure.core.exceptions import AzureError

        try:
            return str(credential().get_token(_SCOPE).token)
        except AzureError as error:
            raise DatabaseAccessDenied(
                database, f"no Entra token: {error.message.splitlines()[0]}"
            ) from error

    return token


def _braced(value: str) -> str:
    """Return ``value`` quoted for ODBC, so that no character of it ends the value."""
    return "{" + value.replace("}", "}}") + "}"
