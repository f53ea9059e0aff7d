"""The shape of the steps of a transformation: one model per type of step."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from landfall.spec.document import Document, by_kind, text_or_mapping
from landfall.spec.fields import ColumnName, ColumnRef, Expression, Name, Text, TypeName, fault
from landfall.spec.model import StepType

# Pydantic's own unions report every member that does not fit; these report the one that was meant.
Columns = Annotated[list[ColumnRef], Field(min_length=1)]
ColumnPairs = Annotated[
    Annotated[Columns, Tag("list")]
    | Annotated[dict[ColumnRef, ColumnRef], Field(min_length=1), Tag("mapping")],
    Discriminator(by_kind),
]
BroughtColumns = Annotated[
    Annotated[list[ColumnRef], Tag("list")] | Annotated[dict[ColumnName, ColumnRef], Tag("mapping")],
    Discriminator(by_kind),
]


class JoinDocument(Document):
    with_: Name = Field(alias="with")
    on: ColumnPairs
    how: Literal["inner", "left", "right", "full", "semi", "anti"] = "inner"
    columns: BroughtColumns | None = None
    null_safe: bool = False


class AggregateDocument(Document):
    by: list[ColumnRef]
    measures: Annotated[dict[ColumnName, Expression], Field(min_length=1)]


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


class DedupeDocument(Document):
    keys: Columns
    order_by: Annotated[list[Text], Field(min_length=1)] | None = None
    keep: Literal["first", "last"] = "first"


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
    sort: Annotated[list[Text], Field(min_length=1)] | None = None
    sql: Annotated[str, Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_one_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) != 1:
            keys = ", ".join(value) or "none"
            message = f"a step has exactly one key, this one has {len(value)} ({keys})"
            raise fault("LF1030", message, "start a new item ('- ') for each step")
        return value
