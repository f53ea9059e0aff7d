"""The shape of the steps of a transformation: one model per type of step."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from landfall.spec.document import Document, by_kind, text_or_mapping
from landfall.spec.fields import (
    ColumnName,
    ColumnRef,
    Expression,
    Name,
    PositiveInt,
    PythonFunction,
    Scalar,
    Text,
    TypeName,
    fault,
    kind_of,
)
from landfall.spec.model import StepType

# Pydantic's own unions report every member that does not fit; these report the one that was meant.
Columns = Annotated[list[ColumnRef], Field(min_length=1)]
ColumnPairs = Annotated[
    Annotated[Columns, Tag("list")]
    | Annotated[dict[ColumnRef, ColumnRef], Field(min_length=1), Tag("mapping")],
    Discriminator(by_kind),
]
SortEntries = Annotated[list[Text], Field(min_length=1)]
BroughtColumns = Annotated[
    Annotated[list[ColumnRef], Tag("list")] | Annotated[dict[ColumnName, ColumnRef], Tag("mapping")],
    Discriminator(by_kind),
]


class JoinDocument(Document):
    with_: Name = Field(alias="with")
    on: ColumnPairs | None = None
    condition: Expression | None = Field(
        default=None,
        description="SQL condition; columns of the other input have its name in front, as in rates.valid_from",
    )
    how: Literal["inner", "left", "right", "full", "semi", "anti", "cross"] = "inner"
    columns: BroughtColumns | None = None
    null_safe: bool = False
    unique: bool = Field(default=False, description="Stop if the other input repeats a key")
    broadcast: bool = Field(default=False, description="Send the other input, which is small, to all workers")

    @model_validator(mode="after")
    def _settings_go_together(self) -> "JoinDocument":
        if self.how == "cross" and (self.on is not None or self.condition is not None):
            message = "a cross join pairs all rows, so it has neither on nor condition"
            raise fault("LF1030", message, "remove them, or join inner")
        if self.how != "cross" and self.on is None and self.condition is None:
            message = "the join says neither on nor condition"
            raise fault("LF1030", message, "add on: with the key columns, or how: cross for all pairs")
        if self.on is None and (self.null_safe or self.unique):
            key = "null_safe" if self.null_safe else "unique"
            raise fault("LF1030", f"{key}: is about the columns under on:", f"add on:, or remove {key}:")
        if self.how in ("semi", "anti") and self.unique:
            message = f"a {self.how} join never multiplies rows"
            raise fault("LF1030", message, "remove unique:")
        if self.how in ("right", "full") and self.broadcast:
            message = f"engines cannot broadcast the other input of a {self.how} join"
            raise fault("LF1030", message, "remove broadcast:")
        return self


class LookupDocument(Document):
    with_: Name = Field(alias="with")
    on: ColumnPairs
    columns: Annotated[BroughtColumns, Field(min_length=1)]
    defaults: dict[ColumnName, Scalar] = Field(
        default={}, description="What stands where nothing is found, by column"
    )
    null_safe: bool = False


class MeasureDocument(Document):
    expression: Expression
    filter: Expression = Field(description="SQL condition; only rows that meet it are measured")


Measure = Annotated[
    Annotated[Expression, Tag("text")] | Annotated[MeasureDocument, Tag("mapping")],
    Discriminator(text_or_mapping),
]


class AggregateDocument(Document):
    by: list[ColumnRef]
    measures: Annotated[dict[ColumnName, Measure], Field(min_length=1)]
    totals: Literal["rollup", "cube"] | None = None
    level: ColumnName | None = Field(default=None, description="Column that tells totals from groups")

    @model_validator(mode="after")
    def _totals_need_groups(self) -> "AggregateDocument":
        if self.totals is not None and not self.by:
            raise fault("LF1030", "totals are of groups, and by: is empty", "add columns to by:")
        if self.totals is not None and self.level is None:
            message = "totals have null in place of a group, as groups of null have"
            raise fault("LF1030", message, "add level: with a name for the column that tells them apart")
        if self.totals is None and self.level is not None:
            raise fault("LF1030", "level: means nothing without totals", "add totals:, or remove level:")
        return self


class CastFormatDocument(Document):
    type: TypeName
    format: Annotated[str, Field(min_length=1)] | None = None


CastTarget = Annotated[
    Annotated[TypeName, Tag("text")] | Annotated[CastFormatDocument, Tag("mapping")],
    Discriminator(text_or_mapping),
]


class UnionDocument(Document):
    with_: Annotated[list[Name], Field(min_length=1)] = Field(alias="with")
    allow_missing: bool = False


class RowSetDocument(Document):
    with_: Annotated[list[Name], Field(min_length=1)] = Field(alias="with")


class DedupeDocument(Document):
    keys: Columns
    order_by: SortEntries | None = None
    keep: Literal["first", "last"] = "first"


class LimitDocument(Document):
    rows: PositiveInt
    order_by: SortEntries | None = None


class ReplacementDocument(Document):
    values: Annotated[dict[str, Scalar], Field(min_length=1)] | None = None
    to_null: Annotated[list[Scalar], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _replaces_something(self) -> "ReplacementDocument":
        if self.values is None and self.to_null is None:
            raise fault("LF1030", "the replacement replaces nothing", "add values: or to_null:")
        return self


def _check_edge(value: Any) -> Any:
    if value in ("first", "last") or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    message = f"an edge of rows is a whole number, first or last, not {kind_of(value)}"
    raise fault("LF1021", message, "write as in [-2, 0] or [first, 0]; 0 is the row itself")


FrameEdge = Annotated[
    Any,
    AfterValidator(_check_edge),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"enum": ["first", "last"]}]}),
]


class WindowDocument(Document):
    partition_by: list[ColumnRef] = []
    order_by: SortEntries | None = None
    rows: Annotated[list[FrameEdge], Field(min_length=2, max_length=2)] | None = None
    measures: Annotated[dict[ColumnName, Expression], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_rows_in_order(self) -> "WindowDocument":
        if self.rows is None:
            return self
        if self.order_by is None:
            message = "rows: counts from the row itself, which needs an order"
            raise fault("LF1030", message, "add order_by:, or remove rows:")
        start, end = self.rows
        is_backwards = isinstance(start, int) and isinstance(end, int) and start > end
        if start == "last" or end == "first" or is_backwards:
            raise fault("LF1030", f"rows: [{start}, {end}] ends before it starts", "swap the two")
        return self


class ExplodeDocument(Document):
    column: ColumnRef
    as_: ColumnName | None = Field(default=None, alias="as")
    position: ColumnName | None = Field(default=None, description="Column for the position, counted from 1")
    keep_empty: bool = Field(default=False, description="Keep a row, with null, where there is no element")


class FlattenDocument(Document):
    column: ColumnRef
    prefix: str | None = Field(default=None, description="What the new names start with; <column>_ if absent")


class UnpivotDocument(Document):
    columns: Annotated[
        Annotated[Columns, Tag("list")]
        | Annotated[dict[str, ColumnRef], Field(min_length=1), Tag("mapping")],
        Discriminator(by_kind),
    ]
    name: ColumnName
    value: ColumnName


class PivotDocument(Document):
    by: list[ColumnRef]
    column: ColumnRef
    values: Annotated[
        Annotated[list[Scalar], Field(min_length=1), Tag("list")]
        | Annotated[dict[ColumnName, Scalar], Field(min_length=1), Tag("mapping")],
        Discriminator(by_kind),
    ]
    measures: Annotated[dict[ColumnName, Expression], Field(min_length=1)]


class SplitDocument(Document):
    column: ColumnRef
    separator: Annotated[str, Field(min_length=1)]
    into: Annotated[list[ColumnName], Field(min_length=1)]


class StandardiseDocument(Document):
    columns: Columns
    trim: bool = True
    collapse: bool = Field(default=True, description="Make one space of each run of white space")
    case: Literal["upper", "lower"] | None = None
    empty_as_null: bool = False


class SurrogateKeyDocument(Document):
    name: ColumnName
    columns: Columns


DataClass = Literal["email", "name", "phone", "iban", "card", "postcode", "ip", "birth_date", "text", "hash"]


def _check_percent(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 100:
        return value
    raise fault("LF1021", "percent must be above 0 and at most 100", "write a number such as 10 or 0.5")


class SampleDocument(Document):
    keys: Columns
    percent: Annotated[
        Any,
        AfterValidator(_check_percent),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
    ]
    seed: int = Field(default=0, description="Another number gives another sample")


class PythonDocument(Document):
    function: PythonFunction = Field(
        description="module:function of a file in the product's folder, as in shaping:by_region"
    )
    columns: Annotated[dict[ColumnName, TypeName], Field(min_length=1)] = Field(
        description="Name and type of each column that it yields"
    )
    row_by_row: bool = Field(
        default=False, description="It does the same to each row whatever other rows there are"
    )


class StepDocument(Document):
    """One step: a mapping with one key, the step's type."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    types: ClassVar[tuple[str, ...]] = tuple(kind.value for kind in StepType)

    select: Annotated[list[Expression], Field(min_length=1)] | None = None
    filter: Expression | None = None
    join: JoinDocument | None = None
    aggregate: AggregateDocument | None = None
    derive: Annotated[dict[ColumnName, Expression], Field(min_length=1)] | None = None
    rename: Annotated[dict[ColumnRef, ColumnName], Field(min_length=1)] | None = None
    cast: Annotated[dict[ColumnRef, CastTarget], Field(min_length=1)] | None = None
    drop: Columns | None = None
    union: UnionDocument | None = None
    dedupe: DedupeDocument | None = None
    sort: SortEntries | None = None
    limit: LimitDocument | None = None
    fill_nulls: Annotated[dict[ColumnRef, Scalar], Field(min_length=1)] | None = None
    replace_values: Annotated[dict[ColumnRef, ReplacementDocument], Field(min_length=1)] | None = None
    window: WindowDocument | None = None
    lookup: LookupDocument | None = None
    intersect: RowSetDocument | None = None
    except_: RowSetDocument | None = Field(default=None, alias="except")
    explode: ExplodeDocument | None = None
    flatten: FlattenDocument | None = None
    unpivot: UnpivotDocument | None = None
    pivot: PivotDocument | None = None
    split: SplitDocument | None = None
    standardise: StandardiseDocument | None = None
    surrogate_key: SurrogateKeyDocument | None = None
    mask: Annotated[dict[ColumnRef, DataClass], Field(min_length=1)] | None = None
    sample: SampleDocument | None = None
    sql: Annotated[str, Field(min_length=1, max_length=100_000)] | None = None
    python: PythonDocument | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_one_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            keys = ", ".join(value) or "none"
            message = f"a step has exactly one key, this one has {len(value)} ({keys})"
            raise fault("LF1030", message, "start a new item ('- ') for each step")
        return value
