"""The steps of a transformation, one function per type: a frame and what the product file says, to a frame."""

from collections.abc import Callable, Mapping
from typing import Any

from spark_runtime.frame import Frame
from spark_runtime.step_spec import StepType
from spark_runtime.steps.aggregate import aggregate
from spark_runtime.steps.columns import derive, drop, rename, select
from spark_runtime.steps.context import StepContext
from spark_runtime.steps.join import join, lookup
from spark_runtime.steps.keys import sample, surrogate_key
from spark_runtime.steps.python_code import python_code
from spark_runtime.steps.rows import dedupe, filter_rows, limit, sort
from spark_runtime.steps.shape import explode, flatten, pivot, unpivot
from spark_runtime.steps.sql_query import sql_query
from spark_runtime.steps.texts import mask, split, standardise
from spark_runtime.steps.union import except_rows, intersect, union
from spark_runtime.steps.values import fill_nulls, replace_values
from spark_runtime.steps.window import window

StepFunction = Callable[[Frame, Any, StepContext], Frame]

# ``cast`` is not here: it refuses rows, so it belongs to the verdict (see ``transform``).
STEPS: Mapping[StepType, StepFunction] = {
    StepType.SELECT: select,
    StepType.FILTER: filter_rows,
    StepType.JOIN: join,
    StepType.AGGREGATE: aggregate,
    StepType.DERIVE: derive,
    StepType.RENAME: rename,
    StepType.DROP: drop,
    StepType.UNION: union,
    StepType.DEDUPE: dedupe,
    StepType.SORT: sort,
    StepType.LIMIT: limit,
    StepType.FILL_NULLS: fill_nulls,
    StepType.REPLACE_VALUES: replace_values,
    StepType.WINDOW: window,
    StepType.LOOKUP: lookup,
    StepType.INTERSECT: intersect,
    StepType.EXCEPT: except_rows,
    StepType.EXPLODE: explode,
    StepType.FLATTEN: flatten,
    StepType.UNPIVOT: unpivot,
    StepType.PIVOT: pivot,
    StepType.SPLIT: split,
    StepType.STANDARDISE: standardise,
    StepType.SURROGATE_KEY: surrogate_key,
    StepType.MASK: mask,
    StepType.SAMPLE: sample,
    StepType.SQL: sql_query,
    StepType.PYTHON: python_code,
}

__all__ = ["STEPS", "StepContext", "StepFunction"]
