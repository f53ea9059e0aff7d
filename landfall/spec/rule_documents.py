"""The shape of quality rules: one model per check."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from landfall.spec.document import Document
from landfall.spec.fields import Bound, ColumnRef, Expression, Name, Regex, Scalar, Text, fault
from landfall.spec.model import NamedPattern, Severity

Count = Annotated[int, Field(ge=0)]


def _check_table_severity(value: Severity) -> Severity:
    if value is Severity.QUARANTINE:
        message = "this rule is about all rows together, so none of them can be quarantined for it"
        raise fault("LF1029", message, "write severity: warn, or severity: fail")
    return value


class _Rule(Document):
    name: Name
    severity: Annotated[Severity, Field(strict=False)] = Severity.QUARANTINE
    filter: Expression | None = Field(
        default=None, description="SQL condition; only rows that meet it are tested"
    )
    description: Text = ""


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
        if self.min is None and self.max is None:
            raise fault("LF1029", f"rule '{self.name}' has neither min nor max", "add one of them, or both")
        if self.min is None or self.max is None:
            return self
        if isinstance(self.min, str) != isinstance(self.max, str):
            remedy = "write two numbers, or two texts such as dates"
            raise fault("LF1029", f"rule '{self.name}' mixes a number and a text as limits", remedy)
        if self.min > self.max:
            message = f"rule '{self.name}' has min {self.min} above max {self.max}: no row can pass"
            raise fault("LF1029", message, "swap the two")
        return self


class AcceptedValuesRule(_Rule):
    check: Literal["accepted_values"]
    column: ColumnRef
    values: Annotated[list[Scalar], Field(min_length=1)]


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


class ForbiddenValuesRule(_Rule):
    check: Literal["forbidden_values"]
    column: ColumnRef
    values: Annotated[list[Scalar], Field(min_length=1)]


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

    @model_validator(mode="after")
    def _has_limits_in_order(self) -> "RowCountRule":
        _check_limits(self.name, self.min, self.max)
        return self


class NullShareRule(_TableRule):
    check: Literal["null_share"]
    column: ColumnRef
    max: Annotated[float, Field(strict=False, ge=0, le=1)]


class ExpressionRule(_Rule):
    check: Literal["expression"]
    expression: Expression


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
    | ExpressionRule,
    Field(discriminator="check"),
]


def _check_limits(rule: str, low: int | None, high: int | None) -> None:
    if low is None and high is None:
        raise fault("LF1029", f"rule '{rule}' has neither min nor max", "add one of them, or both")
    if low is not None and high is not None and low > high:
        message = f"rule '{rule}' has min {low} above max {high}: nothing can pass"
        raise fault("LF1029", message, "swap the two")
