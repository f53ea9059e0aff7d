"""What is said of a column before its values are staged: where it comes from, and what may be lost on the way."""

from dataclasses import dataclass

from spark_runtime.casts import Conversion
from spark_runtime.rule_spec import Severity
from spark_runtime.verdict import Test


@dataclass(frozen=True, slots=True)
class LosingPart:
    """A part of a nested column: its path, its type, and SQL (never null) of whether the conversion lost it."""

    path: str
    type: str
    lost: str


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column to stage: its name, its type, and the conversion of the column ``source`` that gives it.

    Attributes:
        nullable: Whether null is a value; where not, a null refuses the row.
        lost_as: Name of the built-in test that refuses a row whose value the conversion lost.
        source_type: Type of the column ``source``; what is read from files is text.
        tells_text: Whether the value tells what the row had where ``source`` is null.
        parts: Parts of the column, each with a test of its own in place of the one on the whole.
    """

    name: str
    type: str
    source: str
    conversion: Conversion
    nullable: bool
    lost_as: str
    source_type: str = "string"
    tells_text: bool = False
    parts: tuple[LosingPart, ...] = ()

    def as_read(self, source: str, value: str) -> str:
        """Return SQL of what the row had, given SQL of the source and of the value."""
        return f"coalesce({source}, CAST({value} AS string))" if self.tells_text else source


@dataclass(frozen=True, slots=True)
class Kept:
    """A further column that is staged with the rows: its type, and SQL of its value in a row that fails nothing."""

    type: str
    neutral: str


def column_tests(column: StagedColumn) -> list[Test]:
    """Return the built-in tests of a column: on what its conversion loses, and on nulls."""
    tests = []
    lost, value = column.conversion.lost, column.conversion.value
    for part in column.parts:
        reason = f"type:{part.path}: {part.path} cannot be read as {part.type}"
        tests.append(Test(f"type:{part.path}", Severity.QUARANTINE, part.lost, reason))
    if lost is not None and not column.parts:
        reason = f"{column.name} cannot be read as {column.type}"
        tests.append(Test(column.lost_as, Severity.QUARANTINE, f"({lost})", f"{column.lost_as}: {reason}"))
    if not column.nullable:
        name = f"not_null:{column.name}"
        missing = f"({value}) IS NULL" + (f" AND NOT ({lost})" if lost is not None else "")
        tests.append(
            Test(name, Severity.QUARANTINE, missing, f"{name}: null in a column that must have a value")
        )
    return tests
