"""What the runtime asks of a table format: so little that a format other than Delta can be put in its place.

Databricks and the laptop's engine have Delta. Spark without Delta's jars has not, and the tests that compare engines
bring tables of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True)
class Commit:
    """A version of a table, and the rows its commit wrote if the engine says so.

    Attributes:
        removes_files: Whether it took files away; rows of theirs that stay in the table are written again, and are
            among ``output_rows``.
    """

    version: int
    output_rows: int | None
    removes_files: bool = False


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """What the log of a table says of one version.

    Attributes:
        stamp: When the commit was made, as the log has it.
        key: Idempotency key of the write, if it has one.
        condition: The slice that the write replaced; empty if it was another kind of write.
        changes_rows: Whether it added rows or took some away; compacting files does neither.
    """

    version: int
    stamp: str
    key: str
    condition: str
    changes_rows: bool


class When(StrEnum):
    """Which rows of a merge a clause is about."""

    MATCHED = "MATCHED"
    NOT_MATCHED = "NOT MATCHED"
    NOT_MATCHED_BY_SOURCE = "NOT MATCHED BY SOURCE"


class Action(StrEnum):
    UPDATE = "UPDATE"
    INSERT = "INSERT"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class MergeClause:
    """What a merge does with the rows it is about; the first clause that fits decides.

    Attributes:
        condition: SQL over ``target`` and ``source``, as far as ``when`` knows them.
        values: SQL by column of the table; ``None`` takes all columns of the source.
    """

    when: When
    action: Action
    condition: str | None = None
    values: Mapping[str, str] | None = None


class Tables(Protocol):
    """Tables by address. Every write is one commit, and is tried again when another writer was faster.

    Writes raise ``CommitConflict`` when other writers won every time.
    """

    def read(self, uri: str, *, version: int | None = None) -> DataFrame:
        """Return the rows of a table, of its newest version or an older one."""
        ...

    def open(self, uri: str, *, version: int | None = None, fixed: bool = False) -> DataFrame:
        """Return the rows of a table that much will be asked of, opened once where the engine can.

        Args:
            fixed: The rows are to be the same each time, even if no version is named.
        """
        ...

    def types(self, uri: str) -> dict[str, str] | None:
        """Return the columns of a table and their types, or ``None`` if there is no table."""
        ...

    def create_if_missing(self, uri: str, types: Mapping[str, str]) -> None:
        """Create an empty table with nullable columns, unless there is one."""
        ...

    def add_columns(self, uri: str, types: Mapping[str, str]) -> None:
        """Add columns, null in the rows that are there, to an existing table that has none of them."""
        ...

    def overwrite(self, uri: str, rows: DataFrame, types: Mapping[str, str], *, key: str) -> None:
        """Replace the table, its columns too.

        Args:
            types: Columns of the rows in order, and their types; all of them become nullable.
            key: Idempotency key to find the commit by.
        """
        ...

    def replace_slice(self, uri: str, rows: DataFrame, condition: str, *, key: str) -> None:
        """Replace the rows of an existing table that meet a condition.

        Args:
            rows: Rows that meet the condition too.
            condition: Null for no row: Spark keeps such rows, Sail takes them away.
        """
        ...

    def merge(
        self, uri: str, source: Callable[[], str], condition: str, clauses: Sequence[MergeClause]
    ) -> None:
        """Merge rows into an existing table.

        Args:
            source: Gives the name of a view that holds them; asked anew for each try, because a view stays with
                the version of a table that was the newest when it was made.
            condition: SQL over ``target`` and ``source`` that says which rows match.
        """
        ...

    def find_commit(self, uri: str, key: str) -> Commit | None:
        """Return the newest commit with a key, or the newest of all if none has it."""
        ...

    def commits(self, uri: str, first: int, last: int) -> tuple[LoggedCommit, ...]:
        """Return what the log still has of some versions, both ends included, in order."""
        ...
