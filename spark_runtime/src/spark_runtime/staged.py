"""Rows that lie staged with their verdict: read as often as needed, by all that comes after their one evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from spark_runtime.rule_spec import Severity
from spark_runtime.sql import any_of, quoted
from spark_runtime.verdict import Named, failed_names

# Where a staged row goes: rows that single-row tests pass, rows that one of them refuses, closing rows of files.
VALID, REFUSED, CLOSING = 0, 1, 2

REFUSING = frozenset({Severity.QUARANTINE, Severity.FAIL})
UNREADABLE = "readable_row"
ROW = f"_lf_part <> {CLOSING}"
# Holds, in staged rows, in words which parts of nested values do not fit.
TOLD = "_lf_told"


@dataclass(frozen=True, slots=True)
class PlacedTest:
    """A test, and the SQL conditions over a staged row that it failed, and that it was made at all.

    Attributes:
        alone: What ``Staged.verdict`` is in a row that fails this test only; 0 where that does not tell.
    """

    name: str
    severity: Severity
    reason: str
    failed: str
    checked: str
    alone: int = 0


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows that lie staged: read them as often as needed.

    Attributes:
        df: The columns of ``types``, and the runtime's own: ``_lf_part``, ``_lf_file``, ``_lf_fault``, ``_lf_row``
            (the row as JSON or raw text, if a single-row test refuses it), ``_lf_rows`` and the verdict.
        tests: Every test that can fail here, in the order in which reasons are told.
        source_file: SQL of the address of the file a row came from.
        key_text: SQL of the key of a row as text, such as ``order_id=7``; ``None`` if no key is known.
        seconds: What typing, testing and writing the rows took.
        neutral: SQL of what a row that fails nothing has in the further columns of ``df`` that are read when rows
            are published, by their names.
        rest: Rows that fail no test, where only the others lie staged.
        decided_by: The few columns of ``df``, beside whether ``_lf_fault`` is null, that the conditions of ``tests``
            read.
        verdict: SQL of a number that tells most rows which fail one test only from all others.
    """

    df: DataFrame
    types: Mapping[str, str]
    tests: tuple[PlacedTest, ...]
    source_file: str
    key_text: str | None = None
    seconds: float = 0.0
    neutral: Mapping[str, str] = field(default_factory=dict)
    rest: "Rest | None" = None
    decided_by: tuple[str, ...] = ()
    verdict: str = "0L"

    @property
    def refused(self) -> str:
        """SQL condition that a staged row is not published."""
        return any_of([test.failed for test in self.tests if test.severity in REFUSING]) or "false"

    def valid_rows(self, *, rejected: Sequence[int] = ()) -> DataFrame:
        """Return the rows to publish, without those of rejected files; all columns."""
        if self.rest is not None:
            return self._flagged_and_rest(self.rest.df)
        # The partition says almost all of it, and lets the engine pass over the other files.
        return self._rows(f"_lf_part = {VALID} AND NOT ({self.refused})", rejected)

    def refused_rows(self, *, rejected: Sequence[int] = ()) -> DataFrame:
        """Return the rows to quarantine, without those of rejected files; all columns."""
        return self._rows(f"_lf_part <> {CLOSING} AND ({self.refused})", rejected)

    def warnings(self) -> str | None:
        """Return SQL of the names of the ``warn`` tests that a row fails; ``None`` if there are no such tests."""
        flagging = [test for test in self.tests if test.severity is Severity.WARN]
        return self.names_of(flagging) if flagging else None

    def names_of(self, tests: Sequence[PlacedTest], names: Mapping[str, str] | None = None) -> str:
        """Return SQL of the names of those of the tests that a row fails, or of what ``names`` has in their place."""
        named = {test.name: test.name for test in tests} if names is None else names
        told = [Named(test.failed, named.get(test.name, ""), test.alone) for test in tests]
        return failed_names(told, self.verdict)

    def _flagged_and_rest(self, rest: DataFrame) -> DataFrame:
        names = [quoted(name) for name in self.types]
        if all(test.severity in REFUSING for test in self.tests):
            return rest.selectExpr(*names)
        flagged = self.df.where(f"NOT ({self.refused})").selectExpr(*names, *self.neutral)
        return rest.selectExpr(*names, *(f"{sql} AS {name}" for name, sql in self.neutral.items())).union(
            flagged
        )

    def _rows(self, condition: str, rejected: Sequence[int]) -> DataFrame:
        rows = self.df.where(condition)
        if rejected:
            rows = rows.where(f"_lf_file NOT IN ({', '.join(map(str, rejected))})")
        return rows


@dataclass(frozen=True, slots=True)
class Rest:
    """Rows that fail no test and do not lie staged.

    Attributes:
        df: The rows, read anew each time; holds the published columns.
        total: How many they are together with those that lie staged.
        filtered: Rows that each test with a filter was made on, staged ones included, by the test's name.
    """

    df: DataFrame
    total: int
    filtered: Mapping[str, int]
