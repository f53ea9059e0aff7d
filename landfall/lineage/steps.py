"""Where the columns come from after each type of step."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from landfall.lineage.queries import query_trace
from landfall.lineage.traces import NOTHING, Origins, Trace, assumed
from landfall.spec.model import Step, StepType
from landfall.spec.sql_text import read_expression, read_query

Inputs = Mapping[str, Trace]
_Tracer = Callable[[Any, Trace, Inputs], Trace]


def trace_after(step: Step, trace: Trace, inputs: Inputs, names: Iterable[str] | None) -> Trace:
    """Return where the columns come from after a step.

    Args:
        step: A step of a sound product.
        trace: Of the frame it starts from.
        inputs: Traces of the transformation's inputs by the names that steps use.
        names: Columns that the step leaves, ``None`` if they cannot be told; then those that the step names.
    """
    after = _TRACERS.get(step.type, _anything)(step.config, trace, inputs)
    if names is None:
        return after
    columns = {name: after.origins(name) if after.has(name) else None for name in names}
    if None in columns.values():
        unnamed = _unnamed_columns(step, trace, inputs)
        columns = {name: unnamed if origins is None else origins for name, origins in columns.items()}
    return Trace({name: origins or NOTHING for name, origins in columns.items()}, after.rows, after.rest)


def _unnamed_columns(step: Step, trace: Trace, inputs: Inputs) -> Origins:
    """Return the origins of columns that a step yields without naming them."""
    if step.type is StepType.FLATTEN:
        # Which fields there are, the type of the struct says.
        return trace.origins(step.config["column"])
    return assumed(trace.everything().union(*(item.everything() for item in inputs.values())))


def _anything(_: Any, trace: Trace, inputs: Inputs) -> Trace:
    """What a step of the user's own code does cannot be read: each column may come from all of its inputs."""
    everything = assumed(trace.everything().union(*(item.everything() for item in inputs.values())))
    return Trace({}, everything)


def expression_origins(text: str, trace: Trace) -> Origins:
    """Return what an expression over a frame is made of."""
    tree = read_expression(text).tree
    if tree is None:
        return NOTHING
    return trace.origins_of(column.parts[0].name for column in tree.find_all(exp.Column))


def _select(config: Sequence[str], trace: Trace, _: Inputs) -> Trace:
    columns: dict[str, Origins] = {}
    for text in config:
        tree = read_expression(text).tree
        if isinstance(tree, exp.Star):
            columns.update(trace.columns)
        elif tree is not None:
            columns[tree.output_name] = expression_origins(text, trace)
    return trace.only(columns)


def _filter(config: str, trace: Trace, _: Inputs) -> Trace:
    return trace.by_rows(expression_origins(config, trace))


def _join(config: Mapping[str, Any], trace: Trace, inputs: Inputs) -> Trace:
    right = inputs.get(config["with"], Trace({}))
    pairs = _pairs(config.get("on") or [])
    keys = trace.origins_of(pairs) | right.origins_of(pairs.values())
    if config.get("condition") is not None:
        keys |= _join_condition(config["condition"], config["with"], trace, right)
    how = config.get("how", "inner")
    joined = trace.by_rows(keys | right.rows)
    if how in ("semi", "anti"):
        return joined
    if how in ("right", "full"):
        # A key then comes from whichever side has it.
        merged = {mine: trace.origins(mine) | right.origins(other) for mine, other in pairs.items()}
        joined = joined.with_columns(merged)
    asked = config.get("columns")
    taken = {name.casefold() for name in pairs.values()}
    brought = (
        _pairs(asked)
        if asked is not None
        else {name: name for name in right.columns if name.casefold() not in taken}
    )
    return joined.with_columns({new: right.origins(old) for new, old in brought.items()})


def _join_condition(text: str, name: str, trace: Trace, right: Trace) -> Origins:
    tree = read_expression(text).tree
    origins = NOTHING
    for column in tree.find_all(exp.Column) if tree is not None else ():
        parts = [part.name for part in column.parts]
        is_right = parts[0] == name and len(parts) > 1
        origins |= right.origins(parts[1]) if is_right else trace.origins(parts[0])
    return origins


def _lookup(config: Mapping[str, Any], trace: Trace, inputs: Inputs) -> Trace:
    # A look-up keeps every row once: its keys decide about values and not about rows.
    right = inputs.get(config["with"], Trace({}))
    pairs = _pairs(config["on"])
    keys = trace.origins_of(pairs) | right.origins_of(pairs.values())
    brought = _pairs(config["columns"])
    return trace.with_columns({new: right.origins(old) | keys for new, old in brought.items()})


def _aggregate(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    by = trace.origins_of(config["by"])
    columns = {name: trace.origins(name) for name in config["by"]}
    for name, measure in config["measures"].items():
        texts = [measure] if isinstance(measure, str) else [measure["expression"], measure["filter"]]
        columns[name] = NOTHING.union(*(expression_origins(text, trace) for text in texts))
    if config.get("level") is not None:
        columns[config["level"]] = NOTHING
    return trace.only(columns).by_rows(by)


def _derive(config: Mapping[str, str], trace: Trace, _: Inputs) -> Trace:
    return trace.with_columns({name: expression_origins(text, trace) for name, text in config.items()})


def _rename(config: Mapping[str, str], trace: Trace, _: Inputs) -> Trace:
    new_names = {old.casefold(): new for old, new in config.items()}
    columns = {new_names.get(name.casefold(), name): origins for name, origins in trace.columns.items()}
    return Trace(columns, trace.rows, trace.rest)


def _drop(config: Sequence[str], trace: Trace, _: Inputs) -> Trace:
    gone = {name.casefold() for name in config}
    kept = {name: origins for name, origins in trace.columns.items() if name.casefold() not in gone}
    return Trace(kept, trace.rows, trace.rest)


def _union(config: Mapping[str, Any], trace: Trace, inputs: Inputs) -> Trace:
    columns, rows = dict(trace.columns), trace.rows
    names = {name.casefold(): name for name in columns}
    for other in (inputs.get(name, Trace({})) for name in config["with"]):
        rows |= other.rows
        for name, origins in other.columns.items():
            own = names.setdefault(name.casefold(), name)
            columns[own] = columns.get(own, NOTHING) | origins
    return Trace(columns, rows)


def _set_operation(config: Mapping[str, Any], trace: Trace, inputs: Inputs) -> Trace:
    # A row stays or goes by all of its values, here and there.
    others = (inputs.get(name, Trace({})) for name in config["with"])
    return trace.only(trace.columns).by_rows(
        trace.everything().union(*(other.everything() for other in others))
    )


def _dedupe(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return trace.by_rows(trace.origins_of([*config["keys"], *_sorted_by(config.get("order_by"))]))


def _limit(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return trace.by_rows(trace.origins_of(_sorted_by(config.get("order_by"))))


def _sample(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return trace.by_rows(trace.origins_of(config["keys"]))


def _same(_: Any, trace: Trace, __: Inputs) -> Trace:
    return trace


def _window(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    around = trace.origins_of([*(config.get("partition_by") or ()), *_sorted_by(config.get("order_by"))])
    return trace.with_columns(
        {name: expression_origins(text, trace) | around for name, text in config["measures"].items()}
    )


def _explode(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    column = config["column"]
    origins = trace.origins(column)
    columns: dict[str, Origins] = {}
    for name, own in trace.columns.items():
        if name.casefold() != column.casefold():
            columns[name] = own
            continue
        if config.get("position") is not None:
            columns[config["position"]] = origins
        columns[config.get("as") or name] = origins
    # Each element becomes a row.
    return Trace(columns, trace.rows | origins, trace.rest)


def _flatten(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return _drop([config["column"]], trace, {})


def _unpivot(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    asked = config["columns"]
    names = list(asked.values()) if isinstance(asked, Mapping) else list(asked)
    kept = _drop(names, trace, {})
    return kept.with_columns({config["name"]: NOTHING, config["value"]: trace.origins_of(names)})


def _pivot(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    asked = config["values"]
    values = list(asked) if isinstance(asked, Mapping) else [str(value) for value in asked]
    chosen = trace.origins(config["column"])
    columns = {name: trace.origins(name) for name in config["by"]}
    measures = config["measures"]
    for value in values:
        for measure, text in measures.items():
            name = value if len(measures) == 1 else f"{value}_{measure}"
            columns[name] = expression_origins(text, trace) | chosen
    return trace.only(columns).by_rows(trace.origins_of(config["by"]))


def _split(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return trace.with_columns(dict.fromkeys(config["into"], trace.origins(config["column"])))


def _surrogate_key(config: Mapping[str, Any], trace: Trace, _: Inputs) -> Trace:
    return trace.with_columns({config["name"]: trace.origins_of(config["columns"])})


def _sql(config: str, trace: Trace, inputs: Inputs) -> Trace:
    tree = read_query(config).tree
    if tree is None:
        return _anything(config, trace, inputs)
    return query_trace(tree, {**inputs, "this": trace})


def _pairs(columns: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return pairs of names from what may be written as a list of names that are equal on both sides."""
    return dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}


def _sorted_by(entries: Sequence[str] | None) -> list[str]:
    """Return the columns of entries such as ``day desc nulls last``."""
    return [re.split(r"\s+", entry.strip())[0].strip("`") for entry in entries or ()]


_TRACERS: Mapping[StepType, _Tracer] = {
    StepType.SELECT: _select,
    StepType.FILTER: _filter,
    StepType.JOIN: _join,
    StepType.LOOKUP: _lookup,
    StepType.AGGREGATE: _aggregate,
    StepType.DERIVE: _derive,
    StepType.RENAME: _rename,
    StepType.CAST: _same,
    StepType.DROP: _drop,
    StepType.UNION: _union,
    StepType.INTERSECT: _set_operation,
    StepType.EXCEPT: _set_operation,
    StepType.DEDUPE: _dedupe,
    StepType.SORT: _same,
    StepType.LIMIT: _limit,
    StepType.FILL_NULLS: _same,
    StepType.REPLACE_VALUES: _same,
    StepType.STANDARDISE: _same,
    StepType.MASK: _same,
    StepType.WINDOW: _window,
    StepType.EXPLODE: _explode,
    StepType.FLATTEN: _flatten,
    StepType.UNPIVOT: _unpivot,
    StepType.PIVOT: _pivot,
    StepType.SPLIT: _split,
    StepType.SURROGATE_KEY: _surrogate_key,
    StepType.SAMPLE: _sample,
    StepType.SQL: _sql,
}
