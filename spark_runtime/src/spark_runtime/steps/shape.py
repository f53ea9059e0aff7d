"""Steps that turn columns into rows or rows into columns: explode, flatten, unpivot, pivot."""

from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import StructType

from spark_runtime.errors import StepRefused
from spark_runtime.frame import Frame
from spark_runtime.literals import typed_literal
from spark_runtime.sql import quoted, text_literal
from spark_runtime.steps.columns import refuse_taken
from spark_runtime.steps.context import StepContext


def explode(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Make a row of each element of an array, or of each entry of a map with the fields ``key`` and ``value``.

    Raises:
        StepRefused: The column is not there or neither array nor map, or a new name is taken.
    """
    column = frame.find(config["column"], where=context.where)
    kind = frame.types()[column]
    if not kind.startswith(("array<", "map<")):
        raise StepRefused(f"{context.where}: column '{column}' is {kind}, neither an array nor a map")
    element, position = config.get("as") or column, config.get("position")
    others = [name for name in frame.columns if name != column]
    refuse_taken([element, *([position] if position else [])], others, context)
    # A map as it is breaks the stream of one of the engines; its entries do not.
    array = quoted(column) if kind.startswith("array<") else f"map_entries({quoted(column)})"
    function = "posexplode_outer" if config.get("keep_empty") else "posexplode"
    prefix = context.views.prefix()
    at, value = quoted(f"{prefix}at"), quoted(f"{prefix}value")
    rows = frame.df.selectExpr(*map(quoted, others), f"{function}({array}) AS ({at}, {value})")
    new = {position: f"CAST({at} + 1 AS int)"} if position else {}
    new[element] = value
    selected: dict[str, str] = {}
    for name in frame.columns:
        selected |= new if name == column else {name: quoted(name)}
    df = rows.selectExpr(*(f"{text} AS {quoted(name)}" for name, text in selected.items()))
    return Frame(df, tuple(selected))


def flatten(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Make a column of each field of a struct, in its place; where the struct is null, all of them are.

    Raises:
        StepRefused: The column is not there or no struct, or a new name is taken.
    """
    column = frame.find(config["column"], where=context.where)
    kind = next(field.dataType for field in frame.df.schema.fields if field.name == column)
    if not isinstance(kind, StructType):
        raise StepRefused(f"{context.where}: column '{column}' is {kind.simpleString()}, not a struct")
    prefix = config.get("prefix", f"{column}_")
    fields = {f"{prefix}{name}": _field(quoted(column), quoted(name), context) for name in kind.names}
    refuse_taken(
        [f"{prefix}{name}" for name in kind.names], [n for n in frame.columns if n != column], context
    )
    selected: dict[str, str] = {}
    for name in frame.columns:
        selected |= fields if name == column else {name: quoted(name)}
    df = frame.df.selectExpr(*(f"{text} AS {quoted(name)}" for name, text in selected.items()))
    return Frame(df, tuple(selected))


def _field(struct: str, name: str, context: StepContext) -> str:
    """Return SQL of a field: Sail reads one without looking whether its struct is null."""
    return (
        f"{struct}.{name}"
        if context.dialect.is_spark
        else f"CASE WHEN {struct} IS NOT NULL THEN {struct}.{name} END"
    )


def unpivot(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Make a row of each of some columns: its name or label in one column, its value in another.

    Raises:
        StepRefused: A column is not there, their types differ, or a new name is taken.
    """
    asked = config["columns"]
    pairs = asked.items() if isinstance(asked, dict) else ((name, name) for name in asked)
    labelled = [(label, frame.find(name, where=context.where)) for label, name in pairs]
    types = frame.types()
    kinds = {types[name] for _, name in labelled}
    if len(kinds) > 1:
        raise StepRefused(
            f"{context.where}: the columns have different types ({', '.join(sorted(kinds))}); cast them to one before"
        )
    gone = {name for _, name in labelled}
    kept = [name for name in frame.columns if name not in gone]
    new = (config["name"], config["value"])
    refuse_taken(new, kept, context)
    cells = ", ".join(f"{text_literal(label)}, {quoted(name)}" for label, name in labelled)
    rows = f"stack({len(labelled)}, {cells}) AS ({quoted(new[0])}, {quoted(new[1])})"
    return Frame(frame.df.selectExpr(*map(quoted, kept), rows), (*kept, *new))


def pivot(frame: Frame, config: Any, context: StepContext) -> Frame:
    """Group, and measure each of the declared values of a column in columns of its own.

    Filtered aggregates rather than PIVOT: engines disagree about its syntax, and about groups without a value, which
    count 0 here. Rows with other values are not measured, but their groups are there.

    Raises:
        StepRefused: A column is not there, or its type has no such value.
    """
    keys = [frame.find(name, where=context.where) for name in config["by"]]
    column = frame.find(config["column"], where=context.where)
    kind = frame.types()[column]
    asked = config["values"]
    values = asked.items() if isinstance(asked, dict) else ((str(value), value) for value in asked)
    measures = config["measures"]
    measured: dict[str, str] = {}
    for name, value in values:
        try:
            condition = f"{quoted(column)} = {typed_literal(value, kind)}"
        except ValueError as error:
            raise StepRefused(f"{context.where}: column '{column}': {error}") from error
        for measure, text in measures.items():
            new = name if len(measures) == 1 else f"{name}_{measure}"
            refuse_taken([new], [*keys, *measured], context)
            measured[new] = context.sql(f"{text} FILTER (WHERE {condition})", frame)
    grouped = frame.df.groupBy(*(functions.col(quoted(key)) for key in keys))
    df = grouped.agg(*(functions.expr(text).alias(name) for name, text in measured.items()))
    return Frame(df, (*keys, *measured))
