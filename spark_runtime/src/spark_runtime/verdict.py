"""Which tests a row fails, as bits of a few numbers: computed once per row, counted and named afterwards.

A bit mask is the cheapest form that every engine evaluates the same way. It is computed in the one pass that
stages the rows, so that an expression which gives another answer the second time cannot put a row into both the
table and the quarantine, or into neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_runtime.rule_spec import Severity
from spark_runtime.sql import text_literal

# A bigint has 63 bits beside its sign.
BITS_PER_MASK = 62


@dataclass(frozen=True, slots=True)
class Test:
    """One test on a row.

    Attributes:
        failing: SQL condition, never null, under which a row fails.
        reason: What to tell about a row that fails.
        filter: SQL condition; rows that do not meet it are not tested. Already part of ``failing``.
    """

    name: str
    severity: Severity
    failing: str
    reason: str
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class TestBit:
    """A test, and where its verdict stands: bit ``bit`` of column ``mask``."""

    test: Test
    mask: str
    bit: int

    @property
    def value(self) -> int:
        """What the mask is where nothing else of it is set."""
        return 1 << self.bit

    @property
    def failed(self) -> str:
        """SQL condition over a staged row."""
        return f"({self.mask} & {self.value}L) <> 0L"


def place_bits(tests: Sequence[Test], prefix: str) -> tuple[TestBit, ...]:
    """Give each test a bit in columns ``{prefix}0``, ``{prefix}1`` and so on."""
    return tuple(
        TestBit(test, f"{prefix}{at // BITS_PER_MASK}", at % BITS_PER_MASK) for at, test in enumerate(tests)
    )


def masks_of(bits: Sequence[TestBit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bit.mask for bit in bits))


def mask_columns(bits: Sequence[TestBit], *, only_if: str | None = None) -> list[str]:
    """Return one select expression per mask column.

    Args:
        only_if: SQL condition; rows that do not meet it are not tested and fail nothing.
    """
    columns = []
    for mask in masks_of(bits):
        terms = [
            f"CASE WHEN {bit.test.failing} THEN {bit.value}L ELSE 0L END" for bit in bits if bit.mask == mask
        ]
        total = " + ".join(terms)
        columns.append(
            f"{total if only_if is None else f'CASE WHEN {only_if} THEN {total} ELSE 0L END'} AS {mask}"
        )
    return columns


def none_failed(bits: Sequence[TestBit]) -> str:
    """Return the SQL condition that no bit is set."""
    return " AND ".join(f"{mask} = 0L" for mask in masks_of(bits)) or "true"


def any_failed(bits: Sequence[TestBit], severities: frozenset[Severity]) -> str:
    """Return the SQL condition that a test of one of the severities failed."""
    conditions = []
    for mask in masks_of(bits):
        wanted = sum(bit.value for bit in bits if bit.mask == mask and bit.test.severity in severities)
        if wanted:
            conditions.append(f"({mask} & {wanted}L) <> 0L")
    return " OR ".join(conditions) or "false"


@dataclass(frozen=True, slots=True)
class Named:
    """What to call a test that a row fails.

    Attributes:
        failed: SQL condition that the row fails it.
        alone: What the number that tells most rows apart is where the row fails nothing else; 0 if none says so.
    """

    failed: str
    name: str
    alone: int = 0


def failed_names(tests: Sequence[Named], verdict: str = "0L") -> str:
    """Return SQL of an array of the names of the tests that a row fails, in order.

    Args:
        verdict: SQL of the number that ``Named.alone`` is about. Almost all rows that fail anything fail one thing, and
            its name is ready, where putting a list together takes an engine a function over an array.
    """
    if not tests:
        return "CAST(array() AS array<string>)"
    cases = ", ".join(f"CASE WHEN {test.failed} THEN {text_literal(test.name)} END" for test in tests)
    several = f"filter(array({cases}), name -> name IS NOT NULL)"
    one = " ".join(
        f"WHEN {test.alone}L THEN array({text_literal(test.name)})" for test in tests if test.alone
    )
    return f"CASE {verdict} {one} ELSE {several} END" if one else several
