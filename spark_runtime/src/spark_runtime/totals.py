"""Aggregates over whole tables as rules name them: measured, compared with each other, held against limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isnan
from typing import Any

from pyspark.sql import DataFrame, functions

from spark_runtime.errors import RuleRefused
from spark_runtime.portable.dialect import Dialect, Different
from spark_runtime.rule_spec import Rule


@dataclass(frozen=True, slots=True)
class Limits:
    """What a number must be; a limit that is ``None`` says nothing.

    Attributes:
        outside: Two numbers, neither of which nor any between them may be reached.
    """

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    other_than: float | None = None
    outside: tuple[float, float] | None = None

    @classmethod
    def of(cls, rule: Rule) -> "Limits":
        """Return the limits of a rule.

        Raises:
            RuleRefused: It has none, or one that is no number.
        """
        said = {name: rule.config[name] for name in cls.__slots__ if rule.config.get(name) is not None}
        pair = said.get("outside", (0, 0))
        numbers = [*(value for name, value in said.items() if name != "outside"), *pair]
        if not said or len(pair) != 2 or not all(_is_number(value) for value in numbers):
            raise RuleRefused(f"rule '{rule.name}': total needs {', '.join(cls.__slots__)}, in numbers")
        return cls(**said)

    def hold(self, found: float | Decimal) -> bool:
        """Return whether a number is within the limits; NaN is within none but ``other_than`` and ``outside``."""
        is_float = isinstance(found, float)

        def number(limit: float) -> Any:
            # As they are written: 0.1 is no binary fraction, and a decimal is compared with what was meant.
            return float(limit) if is_float else Decimal(str(limit))

        value: Any = found if is_float else Decimal(found)
        return (
            (self.min is None or value >= number(self.min))
            and (self.max is None or value <= number(self.max))
            and (self.above is None or value > number(self.above))
            and (self.below is None or value < number(self.below))
            and (self.other_than is None or value != number(self.other_than))
            and (self.outside is None or not number(self.outside[0]) <= value <= number(self.outside[1]))
        )

    def __str__(self) -> str:
        return " and ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.min is not None and self.min == self.max:
            yield f"{self.min}"
        else:
            if self.min is not None:
                yield f"at least {self.min}"
            if self.max is not None:
                yield f"at most {self.max}"
        if self.above is not None:
            yield f"more than {self.above}"
        if self.below is not None:
            yield f"less than {self.below}"
        if self.other_than is not None:
            yield f"anything but {self.other_than}"
        if self.outside is not None:
            yield f"less than {self.outside[0]} or more than {self.outside[1]}"


def measured_total(rows: DataFrame, total: str, dialect: Dialect) -> Any:
    """Return an aggregate over the rows of a frame.

    Raises:
        Different: The engine would come to another result than Spark.
    """
    return rows.agg(functions.expr(dialect.over(rows, total)).alias("total")).collect()[0][0]


def totals_of(
    rule: Rule, rows: DataFrame, others: Mapping[str, DataFrame], dialect: Dialect
) -> dict[str, Any]:
    """Return the total of a rule over its rows as ``own``, and over the table it names, if it does, as ``other``.

    Raises:
        RuleRefused: The engine would come to another result than Spark.
    """
    config = rule.config
    try:
        found = {"own": measured_total(rows, config["total"], dialect)}
        if "references" in config:
            other = others[config["references"]]
            found["other"] = measured_total(other, config.get("of") or config["total"], dialect)
    except Different as error:
        raise RuleRefused(f"rule '{rule.name}': {error}") from error
    return found


def differ(own: Any, other: Any, tolerance: float) -> bool:
    """Return whether two totals are further apart than the tolerance allows."""
    if isinstance(own, float) or isinstance(other, float):
        left, right = float(own), float(other)
        # As in SQL, NaN equals NaN, and an infinity itself.
        same = left == right or (isnan(left) and isnan(right))
        return not (same or abs(left - right) <= tolerance)
    numbers = isinstance(own, int | Decimal) and isinstance(other, int | Decimal)
    return abs(own - other) > Decimal(str(tolerance)) if numbers else bool(own != other)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
