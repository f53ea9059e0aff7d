"""Whether a transformation that reads only what is new builds the table of one that reads everything.

A step that looks at one row at a time does the same to new rows as to all. One that looks at several (aggregate,
window, dedupe, pivot) needs all of them together, so each of its groups must lie within a group that is read whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp

from landfall.spec.faults import nearest_remedy
from landfall.spec.frames import Frame
from landfall.spec.model import (
    Check,
    Load,
    LoadMode,
    Product,
    Step,
    StepType,
    Transformation,
    WriteMode,
)
from landfall.spec.sql_text import SqlProblem, read_query
from landfall.spec.step_checks import Path, Report, check_columns

_CODE = "LF1058"
# Which of its settings names the columns of the groups that such a step looks at.
_GROUPS_OF = {
    StepType.AGGREGATE: "by",
    StepType.PIVOT: "by",
    StepType.WINDOW: "partition_by",
    StepType.DEDUPE: "keys",
}
_OF_WHOLE_TABLES = (StepType.LIMIT, StepType.INTERSECT, StepType.EXCEPT)
_SEVERAL_ROWS = (
    exp.AggFunc,
    exp.Window,
    exp.Group,
    exp.Distinct,
    exp.Limit,
    exp.SetOperation,
    exp.Subquery,
)
# Steps that change the values of the columns they name.
_CHANGING = frozenset(
    {
        StepType.DERIVE,
        StepType.CAST,
        StepType.FILL_NULLS,
        StepType.REPLACE_VALUES,
        StepType.MASK,
    }
)


def check_load(product: Product, transformation: Transformation, first: Frame | None, report: Report) -> None:
    """Report where reading only what is new would give another table; places count from the transformation.

    Args:
        first: Columns of the first input, ``None`` where they are not known.
    """
    load = transformation.load
    if load.mode is LoadMode.FULL:
        return
    _check_first_input(product, transformation, report)
    _check_settings(transformation, first, report)
    alive = _check_steps(transformation, report)
    _check_write(transformation, alive, report)
    rules = next(
        (item.quality for item in product.datasets if item.name == transformation.output.dataset), ()
    )
    for rule in rules:
        if rule.check is Check.UNIQUE and not _within(load, alive, rule.config["columns"]):
            message = f"rule '{rule.name}' would compare new rows with each other only"
            remedy = f"write load: {{mode: incremental, groups: {_listed(rule.config['columns'])}}}"
            report(("load",), SqlProblem(_CODE, message, remedy))


def _check_first_input(product: Product, transformation: Transformation, report: Report) -> None:
    ref = transformation.inputs[0]
    builder = next((item for item in product.transformations if item.output.dataset == ref.dataset), None)
    if ref.product is None and builder is not None and builder.output.write.mode is not WriteMode.APPEND:
        mode = builder.output.write.mode.value
        message = f"rows of '{ref.dataset}' are not only added (mode {mode}), so none of them is new"
        remedy = "write load: full, or read what lands or is appended first"
        report(("load",), SqlProblem(_CODE, message, remedy))


def _check_settings(transformation: Transformation, first: Frame | None, report: Report) -> None:
    load = transformation.load
    check_columns(load.groups, first, ("load", "groups"), report)
    if load.restate is not None:
        check_columns([load.restate.column], first, ("load", "restate", "column"), report)
        kind = first.type_of(load.restate.column) if first is not None else None
        if kind not in (None, "date", "timestamp", "timestamp_ntz"):
            message = f"'{load.restate.column}' is {kind}, and days are counted on a date or timestamp"
            report(("load", "restate", "column"), SqlProblem(_CODE, message, "name such a column"))
    others = transformation.inputs[1:]
    for number, ref in enumerate(load.tolerate):
        if ref not in others:
            message = f"'{ref}' is not an input behind the first"
            remedy = nearest_remedy(str(ref), [str(other) for other in others])
            report(("load", "tolerate", number), SqlProblem("LF1042", message, remedy))


def _check_steps(transformation: Transformation, report: Report) -> Mapping[str, str]:
    """Check the steps; return the columns of ``groups`` that still hold their values, by what they are called now."""
    load = transformation.load
    alive: Mapping[str, str] = {name.casefold(): name for name in load.groups}
    for number, step in enumerate(transformation.steps):
        at: Path = ("steps", number, step.type.value)
        for message, remedy in _problems(step, load, alive, transformation):
            report(at, SqlProblem(_CODE, message, remedy))
        alive = _alive_after(step, alive)
    return alive


def _problems(
    step: Step, load: Load, alive: Mapping[str, str], transformation: Transformation
) -> Iterator[tuple[str, str]]:
    config = step.config
    if step.type in _OF_WHOLE_TABLES:
        yield f"{step.type.value} looks at all rows, and only new ones are read", "write load: full"
    elif step.type in _GROUPS_OF:
        columns = config.get(_GROUPS_OF[step.type]) or []
        if not _within(load, alive, columns):
            yield (
                f"{step.type.value} would see only the new rows of a group",
                f"write load: {{mode: incremental, groups: {_listed(columns)}}} with columns of the first input",
            )
    elif step.type is StepType.JOIN and config.get("how") in ("right", "full"):
        yield (
            f"a {config['how']} join adds rows that no new row has met yet",
            "join left or inner, or write load: full",
        )
    elif step.type is StepType.UNION and transformation.output.write.mode is WriteMode.APPEND:
        yield "the union would append the rows of the other inputs each time", "write load: full, or merge"
    elif step.type is StepType.PYTHON and not (load.groups or config.get("row_by_row")):
        message = "nobody knows whether the function looks at several rows, and only new ones are read"
        yield message, "say row_by_row: true if it does not, or add groups: to load"
    elif step.type is StepType.SQL and not load.groups:
        tree = read_query(config).tree
        if tree is not None and tree.find(*_SEVERAL_ROWS) is not None:
            yield (
                "the query looks at several rows, and only new ones are read",
                "add groups: to load, or write load: full",
            )


def _within(load: Load, alive: Mapping[str, str], columns: Sequence[str]) -> bool:
    """Return whether all rows that agree in ``columns`` are of one group that is read whole."""
    return (
        bool(load.groups) and len(alive) == len(load.groups) and {*alive} <= {c.casefold() for c in columns}
    )


def _alive_after(step: Step, alive: Mapping[str, str]) -> Mapping[str, str]:
    """Return which columns hold the values that they had in the first input, by their names after a step."""
    config = step.config
    if step.type is StepType.SELECT:
        return _selected(config, alive)
    if step.type is StepType.RENAME:
        renamed = {old.casefold(): new.casefold() for old, new in config.items()}
        return {renamed.get(name, name): group for name, group in alive.items()}
    if step.type in (StepType.AGGREGATE, StepType.PIVOT):
        kept = {name.casefold() for name in config["by"]}
        return {name: group for name, group in alive.items() if name in kept}
    if step.type in (StepType.SQL, StepType.PYTHON, StepType.UNPIVOT):
        return {}
    gone = {name.casefold() for name in _touched(step)}
    return {name: group for name, group in alive.items() if name not in gone}


def _selected(config: Sequence[str], alive: Mapping[str, str]) -> Mapping[str, str]:
    kept: dict[str, str] = {}
    for text in config:
        words = text.replace("`", "").split()
        if text.strip() == "*":
            kept |= alive
        elif (
            words
            and words[0].casefold() in alive
            and (len(words) == 1 or words[1:-1] in ([], ["as"], ["AS"]))
        ):
            kept[words[-1].casefold()] = alive[words[0].casefold()]
    return kept


def _touched(step: Step) -> Sequence[str]:
    config: Any = step.config
    if step.type in _CHANGING:
        return list(config)
    if step.type is StepType.DROP:
        return list(config)
    if step.type is StepType.STANDARDISE:
        return list(config["columns"])
    if step.type in (StepType.EXPLODE, StepType.FLATTEN, StepType.SPLIT):
        return [config["column"]]
    return ()


def _check_write(transformation: Transformation, alive: Mapping[str, str], report: Report) -> None:
    load, write = transformation.load, transformation.output.write
    if write.mode in (WriteMode.OVERWRITE, WriteMode.SNAPSHOT):
        message = f"mode {write.mode.value} would keep the new rows and no others"
        report(("load",), SqlProblem(_CODE, message, "append, merge, or write load: full"))
    elif write.mode is WriteMode.APPEND and (load.groups or load.restate is not None):
        message = "rows that are read again would be appended again"
        report(("load",), SqlProblem(_CODE, message, "merge them on their keys, or replace their partitions"))
    elif write.mode is WriteMode.REPLACE_PARTITIONS and not _within(load, alive, write.partition_by):
        message = "a partition would keep its new rows and no others"
        groups = _listed(write.partition_by)
        remedy = f"write load: {{mode: incremental, groups: {groups}}} with columns of the first input"
        report(("load",), SqlProblem(_CODE, message, remedy))


def _listed(columns: Sequence[str]) -> str:
    return f"[{', '.join(columns)}]"
