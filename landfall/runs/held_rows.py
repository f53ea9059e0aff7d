"""What lies in quarantine, as values: rows, and their counts by rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class HeldState(StrEnum):
    """Where a refused row stands."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"


class RowOrder(StrEnum):
    """In which order refused rows are read: by when they were refused."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class HeldByRule:
    """The rows of a dataset that one rule refused; a row that several refused is in each of them.

    Attributes:
        share: Held rows as a share, from 0 to 1, of the rows that the runs read which refused them; ``None`` where
            these runs are no longer on record.
        oldest_at: When the oldest held row was refused; ``None`` if none is held.
        runs: Runs that refused held rows.
        files: Files that held rows come from.
    """

    product: str
    dataset: str
    rule: str
    rows_held: int
    rows_released: int
    rows_discarded: int
    share: float | None
    oldest_at: datetime | None
    newest_at: datetime | None
    runs: int
    files: int


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row in quarantine.

    Attributes:
        rules: What refused it.
        rule_versions: Hash of what each of them said then; empty for a built-in test.
        line: Line of the file, or number of the record in a format without lines.
        row: The row as it was read: its fields, or the text of a record that could not be taken apart.
        ended_run: The run that released or discarded it.
    """

    state: HeldState
    rules: tuple[str, ...]
    rule_versions: tuple[str, ...]
    warnings: tuple[str, ...]
    reason: str
    source_file: str | None
    line: int | None
    run_id: str
    node: str
    attempt: int
    quarantined_at: datetime
    row: Mapping[str, Any] | str
    ended_run: str | None
    ended_at: datetime | None
    ended_by: str | None
    ended_reason: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What an act would be about.

    Attributes:
        rows: Held rows that meet the filter.
        unreadable: Those of them that cannot be judged again, for they were never taken apart.
        by_rule: Held rows by the rule that refused them.
    """

    rows: int
    unreadable: int
    by_rule: Mapping[str, int]
