"""The step that is a query of its own."""

from typing import Any

from spark_runtime.frame import Frame
from spark_runtime.sql import quoted
from spark_runtime.steps.context import StepContext


def sql_query(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Run a query that sees the inputs by their names and the running frame as ``this``.

    The names are common table expressions over views with names of this job: a view called ``flights`` would
    change every frame that was built on an earlier one.
    """
    text = str(config).strip().rstrip(";")
    inputs = {name: source for name, source in context.inputs.items() if _mentions(text, name)}
    sources = {"this": frame.df} | {name: source.df for name, source in inputs.items()}
    views = {name: context.views.register(df) for name, df in sources.items() if _mentions(text, name)}
    text = context.sql(text, frame, inputs)
    if not views:
        return Frame.resolve(context.spark.sql(text))
    # The query is the product's own; there is nobody to be protected from it.
    tables = ", ".join(f"{quoted(name)} AS (SELECT * FROM {view})" for name, view in views.items())  # noqa: S608
    query = f"WITH {tables} SELECT * FROM (\n{text}\n) AS result"  # noqa: S608
    return Frame.resolve(context.spark.sql(query))


def _mentions(text: str, name: str) -> bool:
    # A name in a string or comment costs one view too many and nothing else.
    return name.casefold() in text.casefold()
