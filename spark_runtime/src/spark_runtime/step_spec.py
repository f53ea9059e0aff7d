"""The steps of a node, as the node spec says them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spark_runtime.spec_object import SpecObject


class StepType(StrEnum):
    SELECT = "select"
    FILTER = "filter"
    JOIN = "join"
    AGGREGATE = "aggregate"
    DERIVE = "derive"
    RENAME = "rename"
    CAST = "cast"
    DROP = "drop"
    UNION = "union"
    DEDUPE = "dedupe"
    SORT = "sort"
    LIMIT = "limit"
    FILL_NULLS = "fill_nulls"
    REPLACE_VALUES = "replace_values"
    WINDOW = "window"
    LOOKUP = "lookup"
    INTERSECT = "intersect"
    EXCEPT = "except"
    EXPLODE = "explode"
    FLATTEN = "flatten"
    UNPIVOT = "unpivot"
    PIVOT = "pivot"
    SPLIT = "split"
    STANDARDISE = "standardise"
    SURROGATE_KEY = "surrogate_key"
    MASK = "mask"
    SAMPLE = "sample"
    SQL = "sql"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``config`` is what the product file says under the step's type."""

    type: StepType
    config: Any


def parse_step(item: SpecObject) -> Step:
    """Return what an object of ``steps`` in a spec says; its faults are noted in the object."""
    return Step(item.choice("type", StepType, StepType.SQL), item.anything("config"))
