"""A test of a product: rows given, rows expected, rows refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file of the product's tests, or for Delta a folder, that lands as it is."""

    path: Path


# What a dataset is given: rows; for one that lands also the text of a file, or a file.
Given = tuple[Row, ...] | str | GivenFile


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is expected in quarantine.

    Attributes:
        row: Columns to compare, or the text of a row that cannot be parsed.
        rules: Names of the rules that refuse it, all of them.
    """

    row: Row | str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What comes of the given rows.

    Attributes:
        rows: All rows of the table, in any order; ``None`` where nothing is published.
        refused: All refused rows.
        stopped_by: What keeps everything from being published: rules of severity ``fail`` or with a limit, and
            ``max_quarantined_share``.
        rejected: Words of the reason for which the file is not taken in; empty where it is.
        lines: Line of each of the rows.
    """

    rows: tuple[Row, ...] | None = None
    refused: tuple[RefusedRow, ...] = ()
    stopped_by: tuple[str, ...] = ()
    rejected: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run of the node under test finds, and what comes of it.

    Attributes:
        given: Rows by dataset, or the file of one that lands. What is not given is empty in the first batch, and in
            others as the batch before left it.
        expect: ``None`` where the test does not say.
        lines: Line of each given row by dataset; of one that is given otherwise the one line where it stands.
    """

    given: Mapping[str, Given]
    expect: Expectation | None
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductTest:
    """One test of one node.

    Attributes:
        subject: The transformation, or the landed dataset, under test.
        batches: Runs of the node, one after another; most tests have one. The last one has expectations.
        path: File that holds the test, below the project's folder.
        line: Line where it starts.
    """

    name: str
    description: str
    subject: str
    batches: tuple[Batch, ...]
    path: str
    line: int
