"""How the rows or files of a source get into the landing zone, where they do not land by themselves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Engine(StrEnum):
    """What a source of type database is; SQLite is for a laptop alone."""

    SQLSERVER = "sqlserver"
    AZURE_SQL = "azure_sql"
    POSTGRESQL = "postgresql"
    ORACLE = "oracle"
    SQLITE = "sqlite"

    @property
    def parser(self) -> str:
        """What sqlglot calls its SQL."""
        return {Engine.POSTGRESQL: "postgres", Engine.ORACLE: "oracle", Engine.SQLITE: "sqlite"}.get(
            self, "tsql"
        )


class AfterCopy(StrEnum):
    """What becomes of a file at its source once it was copied; one that is kept is copied each time."""

    KEEP = "keep"
    DELETE = "delete"


class WatermarkKind(StrEnum):
    """What values of a watermark are: how they are written, compared and told apart."""

    NUMBER = "number"
    DATE = "date"
    INSTANT = "instant"
    LOCAL_TIME = "local_time"
    ROWVERSION = "rowversion"


# Doubles have no text that is exactly they, and the order of texts is a matter of collation.
_KINDS: Final = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "decimal"), WatermarkKind.NUMBER),
    "date": WatermarkKind.DATE,
    "timestamp": WatermarkKind.INSTANT,
    "timestamp_ntz": WatermarkKind.LOCAL_TIME,
    "binary": WatermarkKind.ROWVERSION,
}


def watermark_kind(column_type: str) -> WatermarkKind | None:
    """Return what a column of a canonical type is as a watermark, ``None`` if it cannot be one."""
    return _KINDS.get(column_type.partition("(")[0])


@dataclass(frozen=True, slots=True)
class Watermark:
    """The column whose values only grow, so that what is above the highest one copied is new.

    Attributes:
        delay_s: Age in seconds from which rows are copied, for transactions that commit late; 0 for none.
        parameter: Query parameter by which an API is asked for what is new.
    """

    column: str
    delay_s: float = 0.0
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Partitions:
    """Ranges of a column that are read side by side."""

    column: str
    count: int


@dataclass(frozen=True, slots=True)
class Copy:
    """What of a source is copied for one dataset: a table, or what lies at a path.

    Attributes:
        table: ``table`` or ``schema.table`` of a database, as it is called there.
        filter: SQL condition in the language of the database; other rows are not copied.
        watermark: What makes the copy incremental; without it everything is copied each time.
        path: Path and query of an API, or pattern of the files of an SFTP server.
        items: JSON path of the rows in an answer of an API.
        next_page: JSON path of the address of the next page in an answer of an API.
    """

    table: str | None = None
    filter: str | None = None
    watermark: Watermark | None = None
    partitions: Partitions | None = None
    path: str | None = None
    items: str | None = None
    next_page: str | None = None
    after: AfterCopy = AfterCopy.KEEP

    @property
    def watermark_of(self) -> str | None:
        """Name of what a watermark of this copy is about: one of something else means nothing to it."""
        return None if self.watermark is None else f"{self.table or self.path}.{self.watermark.column}"
