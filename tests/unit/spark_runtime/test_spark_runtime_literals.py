"""Values of a product file as SQL: validation and runtime take the same ones and refuse the same ones."""

from typing import Any

import pytest

from landfall.spec.literals import key_problem, literal_problem
from spark_runtime.literals import typed_key, typed_literal

TYPES = ("string", "boolean", "tinyint", "int", "bigint", "float", "double", "decimal(5,2)", "decimal(38,0)", "date",
         "timestamp", "timestamp_ntz", "binary", "array<int>")  # fmt: skip
VALUES: tuple[Any, ...] = (
    "", "it's", "2024-02-29", "2023-02-29", "2024-1-5", "2024-01-05 10:00:00", "2024-01-05T10:00:00Z", "20240105",
    True, False, 0, -1, 127, 128, 2**31, 2**63 - 1, 2**63, 10**38, 0.0, 2.5, 0.1, 0.001, 999.99, 1000.0, 1e300,
    float("nan"), float("inf"),
)  # fmt: skip
KEYS = ("", "1", "-1", "1.5", "1e3", "true", "True", "2024-02-29", "nan", "0x1", "128")


def is_taken(literal: Any, value: Any, kind: str) -> bool:
    try:
        literal(value, kind)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", TYPES)
def test_validation_and_runtime_take_the_same_values(kind: str) -> None:
    for value in VALUES:
        assert (literal_problem(value, kind) is None) == is_taken(typed_literal, value, kind), value
    for key in KEYS:
        assert (key_problem(key, kind) is None) == is_taken(typed_key, key, kind), key


@pytest.mark.parametrize(
    ("value", "kind", "sql"),
    [
        ("it's", "string", "'it\\'s'"),
        (7, "int", "CAST('7' AS int)"),
        (7.0, "bigint", "CAST('7' AS bigint)"),
        (0.1, "decimal(5,2)", "CAST('0.1' AS decimal(5,2))"),
        (True, "boolean", "CAST('true' AS boolean)"),
        ("2024-02-29", "date", "CAST('2024-02-29' AS date)"),
        ("2024-02-29T10:00:00+02:00", "timestamp", "CAST('2024-02-29 08:00:00' AS timestamp)"),
    ],
)
def test_a_literal_has_exactly_the_type(value: Any, kind: str, sql: str) -> None:
    assert typed_literal(value, kind) == sql
