"""The shape of quality rules: one model per check."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from landfall.spec.document import Document
from landfall.spec.fields import (
    Bound,
    ColumnRef,
    Duration,
    Expression,
    Name,
    Number,
    Regex,
    Scalar,
    Text,
    TypeName,
    fault,
)
from landfall.spec.model import Measure, NamedPattern, Severity
from landfall.spec.repair_documents import RepairField, check_repair

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(strict=False, ge=0, le=1)]


def _check_table_severity(value: Severity) -> Severity:
    if value in (Severity.QUARANTINE, Severity.CORRECT):
        done = "quarantined" if value is Severity.QUARANTINE else "corrected"
        message = f"this rule is about all rows together, so none of them can be {done} for it"
        raise fault("LF1029", message, "write severity: warn, or severity: fail")
    return value


class _Rule(Document):
    name: Name
    severity: Annotated[Severity, Field(strict=False)] = Severity.QUARANTINE
    filter: Expression | None = Field(
        default=None, description="SQL condition; only rows that meet it are tested"
    )
    description: Text = ""
    max_failed_rows: Count | None = Field(
        default=None, description="Most rows that may fail; with more the node fails, whatever the severity"
    )
    max_failed_share: Share | None = Field(
        default=None, description="The same as a share of the tested rows, from 0 to 1"
    )
    repair: RepairField | None = Field(
        default=None, description="What takes the place of a wrong value; of severity correct only"
    )

    @model_validator(mode="after")
    def _repairs_if_it_corrects(self) -> "_Rule":
        if self.severity is Severity.CORRECT:
            check_repair(self)
        elif self.repair is not None:
            message = f"rule '{self.name}' has a repair, and severity {self.severity.value}"
            raise fault("LF1029", message, "write severity: correct, or remove repair:")
        return self


class NotNullRule(_Rule):
    check: Literal["not_null"]
    columns: Annotated[list[ColumnRef], Field(min_length=1)]


class UniqueRule(_Rule):
    check: Literal["unique"]
    columns: Annotated[list[ColumnRef], Field(min_length=1)]
    keep: Literal["first"] | None = None
    order_by: Annotated[list[Text], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _keep_and_order_belong_together(self) -> "UniqueRule":
        if (self.keep is None) != (self.order_by is None):
            given, absent = ("keep", "order_by") if self.order_by is None else ("order_by", "keep")
            remedy = f"add {absent}, or remove {given}: keep: first needs order_by to say which row is first"
            raise fault("LF1029", f"rule '{self.name}' has {given} without {absent}", remedy)
        return self


class RangeRule(_Rule):
    check: Literal["range"]
    column: ColumnRef
    min: Bound = None
    max: Bound = None

    @model_validator(mode="after")
    def _has_limits_in_order(self) -> "RangeRule":
        _check_bounds(self.name, self.min, self.max)
        return self


class _ValuesRule(_Rule):
    """Values that stand in the rule, or in a column of another dataset."""

    column: ColumnRef
    values: Annotated[list[Scalar], Field(min_length=1)] | None = None
    references: Name | None = Field(default=None, description="Dataset of this product that holds the values")
    to: ColumnRef | None = Field(default=None, description="Its column, if it is called otherwise")

    @model_validator(mode="after")
    def _has_values_from_one_place(self) -> "_ValuesRule":
        if (self.values is None) == (self.references is None):
            message = f"rule '{self.name}' must have its values from one place"
            raise fault("LF1029", message, "write values: [...], or references: with the name of a dataset")
        if self.to is not None and self.references is None:
            raise fault(
                "LF1029", f"rule '{self.name}' has to: without references:", "remove it, or add references:"
            )
        return self


class AcceptedValuesRule(_ValuesRule):
    check: Literal["accepted_values"]


class ParseableRule(_Rule):
    check: Literal["parseable"]
    column: ColumnRef
    type: TypeName
    format: Text | None = Field(
        default=None, description="Pattern of a date or timestamp, such as dd.MM.yyyy"
    )

    @model_validator(mode="after")
    def _has_a_type_to_read(self) -> "ParseableRule":
        if self.type == "string" or self.type.startswith(("array<", "map<", "struct<")):
            message = f"rule '{self.name}' reads texts as {self.type}, which says nothing"
            raise fault("LF1029", message, "name a number, boolean, date or timestamp type")
        if self.format is not None and self.type not in ("date", "timestamp", "timestamp_ntz"):
            message = f"rule '{self.name}' has a format, which {self.type} has not"
            raise fault("LF1029", message, "remove format:, or write type: date or timestamp")
        return self


class RegexRule(_Rule):
    check: Literal["regex"]
    column: ColumnRef
    pattern: Regex


class LengthRule(_Rule):
    check: Literal["length"]
    column: ColumnRef
    min: Count | None = None
    max: Count | None = None

    @model_validator(mode="after")
    def _has_limits_in_order(self) -> "LengthRule":
        _check_limits(self.name, self.min, self.max)
        return self


class NotEmptyRule(_Rule):
    check: Literal["not_empty"]
    columns: Annotated[list[ColumnRef], Field(min_length=1)]


class ForbiddenValuesRule(_ValuesRule):
    check: Literal["forbidden_values"]


class PatternRule(_Rule):
    check: Literal["pattern"]
    column: ColumnRef
    pattern: Annotated[NamedPattern, Field(strict=False)]


class ForeignKeyRule(_Rule):
    check: Literal["foreign_key"]
    columns: Annotated[list[ColumnRef], Field(min_length=1)]
    references: Name
    to: Annotated[list[ColumnRef], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_as_many_columns_on_both_sides(self) -> "ForeignKeyRule":
        if self.to is not None and len(self.to) != len(self.columns):
            message = f"rule '{self.name}' compares {len(self.columns)} columns with {len(self.to)}"
            raise fault(
                "LF1029", message, "list as many columns under to: as under columns:, in the same order"
            )
        return self


class _TableRule(_Rule):
    severity: Annotated[Severity, Field(strict=False), AfterValidator(_check_table_severity)] = Severity.FAIL


class RowCountRule(_TableRule):
    check: Literal["row_count"]
    min: Count | None = None
    max: Count | None = None
    max_change: Annotated[float, Field(strict=False, gt=0)] | None = Field(
        default=None, description="Largest difference from the median of former runs, as a share of it"
    )
    former_runs: Annotated[int, Field(ge=1, le=50)] | None = Field(
        default=None, description="How many former runs max_change looks at; 5 by default"
    )

    @model_validator(mode="after")
    def _has_limits_in_order(self) -> "RowCountRule":
        if self.former_runs is not None and self.max_change is None:
            message = f"rule '{self.name}' has former_runs without max_change"
            raise fault("LF1029", message, "add max_change:, or remove it")
        if self.max_change is None or self.min is not None or self.max is not None:
            _check_limits(self.name, self.min, self.max)
        return self


class FreshnessRule(_TableRule):
    check: Literal["freshness"]
    column: ColumnRef
    max_age: Duration


class AggregateRule(_TableRule):
    check: Literal["aggregate"]
    column: ColumnRef
    measure: Annotated[Measure, Field(strict=False)]
    min: Bound = None
    max: Bound = None

    @model_validator(mode="after")
    def _has_limits_in_order(self) -> "AggregateRule":
        _check_bounds(self.name, self.min, self.max)
        if self.measure not in (Measure.MIN, Measure.MAX) and str in (type(self.min), type(self.max)):
            message = f"rule '{self.name}' has a text as limit of {self.measure}, which is a number"
            raise fault("LF1029", message, "write a number")
        return self


class TotalRule(_TableRule):
    check: Literal["total"]
    total: Expression = Field(description="Aggregate over the tested rows, such as count(distinct customer)")
    min: Number = None
    max: Number = None
    above: Number = Field(default=None, description="What the total must exceed")
    below: Number = Field(default=None, description="What the total must stay under")
    other_than: Number = Field(default=None, description="What the total must not be")
    outside: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Two numbers; the total is below the first or above the second"
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> "TotalRule":
        limits = (self.min, self.max, self.above, self.below, self.other_than, self.outside)
        if all(limit is None for limit in limits):
            remedy = "add min, max, above, below, other_than or outside"
            raise fault("LF1029", f"rule '{self.name}' says nothing of its total", remedy)
        if self.min is not None and self.max is not None:
            _check_bounds(self.name, self.min, self.max)
        if self.outside is not None and self.outside[0] > self.outside[1]:
            message = f"rule '{self.name}' has outside: {self.outside}, whose first number is the higher one"
            raise fault("LF1029", message, f"write [{self.outside[1]}, {self.outside[0]}]")
        for low, high in ((self.above, self.below), (self.above, self.max), (self.min, self.below)):
            if low is not None and high is not None and low >= high:
                message = f"rule '{self.name}' wants a total over {low} and under {high}: nothing can pass"
                raise fault("LF1029", message, "swap the two, or loosen one of them")
        return self


class EqualTotalsRule(_TableRule):
    check: Literal["equal_totals"]
    total: Expression = Field(description="Aggregate over the tested rows, such as sum(amount)")
    references: Name
    of: Expression | None = Field(
        default=None, description="Aggregate over the other dataset, if it is written otherwise"
    )
    tolerance: Annotated[float, Field(strict=False, ge=0)] | None = Field(
        default=None, description="Largest difference that passes, in the unit of the totals; none by default"
    )


class SchemaRule(_TableRule):
    check: Literal["schema"]
    columns: Annotated[dict[ColumnRef, TypeName], Field(min_length=1)] = Field(
        description="Type of each column that must be there"
    )
    extra: bool | None = Field(default=None, description="Whether further columns pass; true by default")


class NullShareRule(_TableRule):
    check: Literal["null_share"]
    column: ColumnRef
    max: Share


class ExpressionRule(_Rule):
    check: Literal["expression"]
    expression: Expression
    column: ColumnRef | None = Field(default=None, description="The column that repair: is about")

    @model_validator(mode="after")
    def _has_a_column_to_repair(self) -> "ExpressionRule":
        if self.column is not None and self.repair is None:
            message = f"rule '{self.name}' names a column, and an expression names its columns itself"
            raise fault("LF1029", message, "remove column:, which says what repair: is about")
        return self


RuleDocument = Annotated[
    NotNullRule
    | NotEmptyRule
    | UniqueRule
    | RangeRule
    | LengthRule
    | AcceptedValuesRule
    | ForbiddenValuesRule
    | RegexRule
    | PatternRule
    | ForeignKeyRule
    | RowCountRule
    | NullShareRule
    | ParseableRule
    | FreshnessRule
    | AggregateRule
    | TotalRule
    | EqualTotalsRule
    | SchemaRule
    | ExpressionRule,
    Field(discriminator="check"),
]


def _check_bounds(rule: str, low: Any, high: Any) -> None:
    if low is None and high is None:
        raise fault("LF1029", f"rule '{rule}' has neither min nor max", "add one of them, or both")
    if low is None or high is None:
        return
    if isinstance(low, str) != isinstance(high, str):
        remedy = "write two numbers, or two texts such as dates"
        raise fault("LF1029", f"rule '{rule}' mixes a number and a text as limits", remedy)
    if low > high:
        message = f"rule '{rule}' has min {low} above max {high}: nothing can pass"
        raise fault("LF1029", message, "swap the two")


def _check_limits(rule: str, low: int | None, high: int | None) -> None:
    if low is None and high is None:
        raise fault("LF1029", f"rule '{rule}' has neither min nor max", "add one of them, or both")
    if low is not None and high is not None and low > high:
        message = f"rule '{rule}' has min {low} above max {high}: nothing can pass"
        raise fault("LF1029", message, "swap the two")
