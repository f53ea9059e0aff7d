"""The first rows of a Delta table, read straight from the lake, without Spark."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from landfall.errors import ErrorKind, LandfallError
from landfall.settings import Settings

# As Spark writes them into JSON.
_NO_NUMBERS = {math.inf: "Infinity", -math.inf: "-Infinity"}
_STORAGE_SCOPE = "https://storage.azure.com/.default"


class TableNotWritten(LandfallError):
    """Nothing has been published under an address yet."""

    code = "LF4101"

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"{uri}: there is no table yet. `landfall runs list` shows whether a run has built it; a table of "
            "refused rows appears with the first refused row."
        )
        self.uri = uri


class LakeNotReadable(LandfallError):
    """The lake cannot be reached or denies access."""

    code = "LF4102"
    kind = ErrorKind.UNREACHABLE
    retryable = True

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(
            f"{uri}: the lake cannot be read ({reason}). On a laptop, `landfall status` shows whether storage "
            "runs; in Azure, check the network and your Storage Blob Data Reader role."
        )
        self.uri = uri


class UnknownColumn(LandfallError):
    """A preview asks for a column that the table lacks."""

    code = "LF4103"

    def __init__(self, uri: str, unknown: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"{uri} has no column {', '.join(dict.fromkeys(unknown))}. Its columns are {', '.join(known)}."
        )
        self.unknown = tuple(unknown)


@dataclass(frozen=True, slots=True)
class Preview:
    """First rows of a table.

    Attributes:
        version: Delta version that was read.
        columns: Names in the table's order, or in the order asked for.
        rows: One mapping per row, keyed by column.
    """

    uri: str
    version: int
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


def preview(
    settings: Settings,
    uri: str,
    *,
    limit: int = 10,
    columns: Sequence[str] = (),
    order_by: Sequence[str] = (),
) -> Preview:
    """Return up to ``limit`` rows of the Delta table at an ``abfss://`` address.

    Args:
        settings: Where the lake is and as whom to sign in.
        columns: Columns to show; empty shows all of them.
        order_by: Columns to sort by, ``column`` or ``column desc``; empty means any rows.

    Raises:
        TableNotWritten: There is no table.
        UnknownColumn: A column is not the table's.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    table = open_table(settings, uri)
    known = tuple(field.name for field in table.schema().fields)
    keys = [_sort_key(key) for key in order_by]
    unknown = [name for name in (*columns, *(name for name, _ in keys)) if name not in known]
    if unknown:
        raise UnknownColumn(uri, unknown, known)
    shown = tuple(columns) or known
    query = f"SELECT {', '.join(map(_quoted, shown))} FROM preview"  # noqa: S608 - quoted names of known columns
    if keys:
        query += (
            f" ORDER BY {', '.join(f'{_quoted(name)} {direction} NULLS LAST' for name, direction in keys)}"
        )
    try:
        rows = _rows_of(table, f"{query} LIMIT {limit:d}")
    except (OSError, DeltaError) as error:
        raise LakeNotReadable(uri, _first_line(error)) from error
    return Preview(uri=uri, version=table.version(), columns=shown, rows=rows)


def plain_rows(preview: Preview) -> list[dict[str, Any]]:
    """Return the rows of a preview as JSON has them: a value without a form in JSON is a text.

    Decimals keep their digits, bytes are in base64, and what is no number is called so.
    """
    return [{name: _plain(row[name]) for name in preview.columns} for row in preview.rows]


def open_table(settings: Settings, uri: str) -> DeltaTable:
    """Return the Delta table at an ``abfss://`` address.

    Raises:
        TableNotWritten: There is no table.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    try:
        return DeltaTable(uri, storage_options=storage_options(settings))
    except TableNotFoundError as error:
        raise TableNotWritten(uri) from error
    except (OSError, DeltaError) as error:
        raise LakeNotReadable(uri, _first_line(error)) from error


def storage_options(settings: Settings) -> dict[str, str]:
    """Return how delta-rs reaches the lake: with the emulator's key, or with an Entra token."""
    options = {
        "account_name": settings.storage_account,
        # A person waits for the answer; the defaults try again for three minutes.
        "max_retries": "2",
        "retry_timeout": "10s",
        "timeout": "30s",
    }
    if settings.storage_key is not None:
        options |= {
            "account_key": settings.storage_key,
            "azure_endpoint": settings.blob_endpoint,
            "allow_http": "true",
        }
        return options
    # Imported here: a laptop signs in with the emulator's key and need not load the identity library.
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)
    return options | {"bearer_token": credential.get_token(_STORAGE_SCOPE).token}


def _rows_of(table: DeltaTable, query: str) -> tuple[dict[str, Any], ...]:
    answer = QueryBuilder().register("preview", table).execute(query).read_all()
    return tuple(answer.to_struct_array().to_pylist()) if answer.num_rows else ()


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else _NO_NUMBERS.get(value, "NaN")
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return str(value)


def _sort_key(text: str) -> tuple[str, str]:
    """Return column and direction of ``column``, ``column asc`` or ``column desc``."""
    name, _, direction = text.strip().partition(" ")
    return name, "DESC" if direction.strip().lower() == "desc" else "ASC"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
