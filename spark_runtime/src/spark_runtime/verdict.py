"""Which tests a row fails, as bits of a few numbers: computed once per row, counted and named afterwards.

A bit mask is the cheapest form that every engine evaluates the same way. It is computed in the one pass that
stages the rows, so that an expression which gives another answer the second time cannot put a row into both the
table and the quarantine, or into neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_runtime.spec import Severity
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
    def failed(self) -> str:
        """SQL condition over a staged row."""
        return f"({self.mask} & {1 << self.bit}L) <> 0L"


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
            f"CASE WHEN {bit.test.failing} THEN {1 << bit.bit}L ELSE 0L END"
            for bit in bits
            if bit.mask == mask
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
        wanted = sum(1 << bit.bit for bit in bits if bit.mask == mask and bit.test.severity in severities)
        if wanted:
            conditions.append(f"({mask} & {wanted}L) <> 0L")
    return " OR ".join(conditions) or "false"


def failed_names(conditions: Sequence[tuple[str, str]]) -> str:
    """Return SQL of an array of the names whose condition holds, in order.

    Args:
        conditions: Pairs of SQL condition and name.
    """
    if not conditions:
        return "CAST(array() AS array<string>)"
    cases = ", ".join(
        f"CASE WHEN {condition} THEN {text_literal(name)} END" for condition, name in conditions
    )
    return f"filter(array({cases}), name -> name IS NOT NULL)"
