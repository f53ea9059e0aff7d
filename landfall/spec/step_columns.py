"""What each step does to the columns of a frame, and what it may not do to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from landfall.spec.column_types import canonical_type, has_cast
from landfall.spec.expression_columns import misplaced_aggregates, misplaced_windows, ungrouped_columns
from landfall.spec.frames import ColumnType, Frame, type_of_expression
from landfall.spec.input_steps import (
    check_defaults,
    check_join_condition,
    check_key_types,
    check_set_operation,
)
from landfall.spec.model import Step, StepType
from landfall.spec.python_steps import python_frame
from landfall.spec.query_columns import query_frame
from landfall.spec.row_steps import limit, sample, window
from landfall.spec.shape_steps import explode, flatten, pivot, unpivot
from landfall.spec.sql_text import SqlProblem, read_query
from landfall.spec.step_checks import (
    Frames,
    Path,
    Report,
    add_columns,
    check_columns,
    check_comparable,
    check_comparable_columns,
    check_condition,
    check_expression,
    check_named_once,
    check_new_name,
    check_same_columns,
    check_sort_entries,
    check_value,
    other_input,
    sorted_columns,
)
from landfall.spec.value_steps import fill_nulls, mask, replace_values, split, standardise, surrogate_key

# Steps that need nothing but the running frame.
_OF_ONE_FRAME: Mapping[StepType, Callable[[Any, Frame | None, Report], Frame | None]] = {
    StepType.LIMIT: limit,
    StepType.FILL_NULLS: fill_nulls,
    StepType.REPLACE_VALUES: replace_values,
    StepType.WINDOW: window,
    StepType.EXPLODE: explode,
    StepType.FLATTEN: flatten,
    StepType.UNPIVOT: unpivot,
    StepType.PIVOT: pivot,
    StepType.SPLIT: split,
    StepType.STANDARDISE: standardise,
    StepType.SURROGATE_KEY: surrogate_key,
    StepType.MASK: mask,
    StepType.SAMPLE: sample,
}


def frame_after(step: Step, frame: Frame | None, inputs: Frames, report: Report) -> Frame | None:
    """Return the frame that a step leaves, ``None`` if its columns cannot be told.

    Args:
        step: The step.
        frame: What it starts from, ``None`` if not known; then its columns are not checked.
        inputs: Frames of the transformation's inputs by the names that steps use.
        report: Takes what is wrong.
    """
    if step.type in _OF_ONE_FRAME:
        return _OF_ONE_FRAME[step.type](step.config, frame, report)
    columns = _StepColumns(frame, inputs, report)
    after: Mapping[StepType, Callable[[Any], Frame | None]] = {
        StepType.SELECT: columns.select,
        StepType.FILTER: columns.filter,
        StepType.JOIN: columns.join,
        StepType.AGGREGATE: columns.aggregate,
        StepType.DERIVE: columns.derive,
        StepType.RENAME: columns.rename,
        StepType.CAST: columns.cast,
        StepType.DROP: columns.drop,
        StepType.UNION: columns.union,
        StepType.DEDUPE: columns.dedupe,
        StepType.SORT: columns.sort,
        StepType.LOOKUP: columns.lookup,
        StepType.INTERSECT: columns.intersect_or_except,
        StepType.EXCEPT: columns.intersect_or_except,
        StepType.SQL: columns.sql,
        StepType.PYTHON: python_frame,
    }
    return after[step.type](step.config)


@dataclass(frozen=True, slots=True)
class _StepColumns:
    """What one step does to a frame: one method for each type of step, each takes its configuration."""

    frame: Frame | None
    inputs: Frames
    report: Report

    def select(self, config: list[str]) -> Frame | None:
        frame, report = self.frame, self.report
        columns: dict[str, ColumnType] = {}
        is_known = True
        for index, text in enumerate(config):
            tree = check_expression(text, frame, (index,), report)
            if tree is None:
                is_known = False
            elif isinstance(tree, exp.Star):
                if frame is None:
                    is_known = False
                else:
                    add_columns(columns, frame.types, (index,), report)
            elif not tree.output_name or isinstance(tree, exp.Aliases):
                is_known = False
                message = f"'{text.strip()[:60]}' has no name"
                report((index,), SqlProblem("LF1055", message, "add one behind it: as name"))
            else:
                check_new_name(tree.output_name, (index,), report, is_new=isinstance(tree, exp.Alias))
                add_columns(columns, {tree.output_name: type_of_expression(tree, frame)}, (index,), report)
        return Frame(columns) if is_known else None

    def filter(self, config: str) -> Frame | None:
        frame, report = self.frame, self.report
        check_condition(config, frame, (), report, "a filter")
        return frame

    def join(self, config: Mapping[str, Any]) -> Frame | None:
        frame, inputs, report = self.frame, self.inputs, self.report
        right, is_input = other_input(config["with"], ("with",), inputs, report)
        if not is_input:
            return None
        on = config.get("on") or []
        pairs = dict(on) if isinstance(on, Mapping) else {name: name for name in on}
        check_columns(pairs.keys(), frame, ("on",), report)
        check_columns(pairs.values(), right, ("on",), report)
        if any(
            name not in side
            for side, names in ((frame, pairs), (right, pairs.values()))
            if side
            for name in names
        ):
            return None
        if frame is not None and right is not None:
            check_key_types(pairs, frame, right, report)
        if config.get("condition") is not None:
            check_join_condition(config["condition"], frame, right, config["with"], ("condition",), report)
        brought = config.get("columns")
        how = config.get("how", "inner")
        if how in ("semi", "anti"):
            if brought:
                message = f"a {how} join brings no columns"
                report(("columns",), SqlProblem("LF1030", message, "remove columns:, or join left or inner"))
            return frame
        named: dict[str, str] | None = None
        if brought is not None:
            named = dict(brought) if isinstance(brought, Mapping) else {name: name for name in brought}
            check_columns(named.values(), right, ("columns",), report)
        elif right is not None:
            named = {name: name for name in right.without(pairs.values())}
        if named is None or frame is None:
            return None
        added = {new: None if right is None else right.type_of(old) for new, old in named.items()}
        repeated = [name for name in added if name in frame]
        if repeated:
            message = f"both sides of the join have a column {' and '.join(map(repr, repeated))}"
            example = f"columns: {{{config['with']}_{repeated[0]}: {repeated[0]}}}"
            remedy = f"say which to bring and how to call them, as in {example}"
            report(("columns",) if brought else (), SqlProblem("LF1052", message, remedy))
        return frame.with_columns(added)

    def lookup(self, config: Mapping[str, Any]) -> Frame | None:
        right = self.inputs.get(config["with"])
        check_defaults(config, right, self.report)
        return self.join({**config, "how": "left"})

    def intersect_or_except(self, config: Mapping[str, Any]) -> Frame | None:
        return check_set_operation(config, self.frame, self.inputs, self.report)

    def aggregate(self, config: Mapping[str, Any]) -> Frame:
        frame, report = self.frame, self.report
        by = list(config["by"])
        check_columns(by, frame, ("by",), report)
        check_comparable_columns(by, frame, ("by",), report)
        columns: dict[str, ColumnType] = {}
        add_columns(
            columns,
            {name: frame.type_of(name) if frame is not None else None for name in by},
            ("by",),
            report,
        )
        for name, measure in config["measures"].items():
            path: Path = ("measures", name)
            text = measure["expression"] if isinstance(measure, Mapping) else measure
            tree = check_value(text, frame, path, report, "a measure")
            if tree is not None and isinstance(measure, Mapping):
                self._check_filtered(measure, tree, path)
            if tree is not None:
                for problem in (*ungrouped_columns(tree, by), *misplaced_windows(tree, "a measure")):
                    report(path, problem)
            add_columns(
                columns, {name: type_of_expression(tree, frame) if tree is not None else None}, path, report
            )
        if config.get("level") is not None:
            add_columns(columns, {config["level"]: "bigint"}, ("level",), report)
        return Frame(columns)

    def _check_filtered(self, measure: Mapping[str, Any], tree: exp.Expr, path: Path) -> None:
        frame, report = self.frame, self.report
        check_condition(measure["filter"], frame, (*path, "filter"), report, "the filter of a measure")
        if not isinstance(tree, (exp.AggFunc, exp.Anonymous)):
            message = "a filter belongs to one call of an aggregate function"
            remedy = "measure the parts with their filters, and derive from them in the next step"
            report((*path, "expression"), SqlProblem("LF1054", message, remedy))

    def derive(self, config: Mapping[str, str]) -> Frame | None:
        frame, report = self.frame, self.report
        derived: dict[str, ColumnType] = {}
        check_named_once(config, report)
        for name, text in config.items():
            tree = check_value(text, frame, (name,), report, "derive")
            derived[name] = type_of_expression(tree, frame) if tree is not None else None
            for problem in misplaced_aggregates(tree, "derive") if tree is not None else ():
                report((name,), problem)
        return frame.with_columns(derived) if frame is not None else None

    def rename(self, config: Mapping[str, str]) -> Frame | None:
        frame, report = self.frame, self.report
        check_named_once(config, report)
        for old in config:
            check_columns([old], frame, (old,), report)
        if frame is None:
            return None
        new_names = {old.casefold(): new for old, new in config.items()}
        columns: dict[str, ColumnType] = {}
        for name, kind in frame.types.items():
            path: Path = tuple(key for key in config if key.casefold() == name.casefold())[:1]
            add_columns(columns, {new_names.get(name.casefold(), name): kind}, path, report)
        return Frame(columns, frame.has_load_columns)

    def cast(self, config: Mapping[str, Any]) -> Frame | None:
        frame, report = self.frame, self.report
        types: dict[str, ColumnType] = {}
        check_named_once(config, report)
        for name, target in config.items():
            check_columns([name], frame, (name,), report)
            kind = types[name] = canonical_type(target["type"] if isinstance(target, Mapping) else target)
            has_format = isinstance(target, Mapping) and target.get("format") is not None
            if has_format and types[name] not in ("date", "timestamp", "timestamp_ntz"):
                message = f"a format is for dates and timestamps, not for {types[name]}"
                report((name,), SqlProblem("LF1030", message, "remove format:"))
            actual = frame.type_of(name) if frame is not None else None
            if actual is not None and has_format and actual != "string":
                message = f"column '{name}' is {actual}, and a format says how text is read"
                report((name,), SqlProblem("LF1030", message, "remove format:"))
            elif actual is not None and not has_cast(actual, kind):
                message = f"column '{name}' is {actual}, and there is no cast to {kind}"
                report(
                    (name,), SqlProblem("LF1030", message, "derive it by a function that says what is meant")
                )
        if frame is None:
            return None
        return frame.with_columns({name: kind for name, kind in types.items() if name in frame})

    def drop(self, config: Sequence[str]) -> Frame | None:
        frame, report = self.frame, self.report
        for index, name in enumerate(config):
            check_columns([name], frame, (index,), report)
        if frame is None:
            return None
        left = frame.without(config)
        if not left.types:
            report((), SqlProblem("LF1030", "the step drops every column", "keep at least one"))
        return left

    def union(self, config: Mapping[str, Any]) -> Frame | None:
        frame, inputs, report = self.frame, self.inputs, self.report
        allow_missing = config.get("allow_missing", False)
        result = frame
        for index, name in enumerate(config["with"]):
            path = ("with", index)
            other, is_input = other_input(name, path, inputs, report)
            if not is_input or other is None or result is None or frame is None:
                result = None
                continue
            if allow_missing:
                result = result.with_columns(
                    {column: other.type_of(column) for column in other if column not in result}
                )
                continue
            check_same_columns(frame, other, name, path, report)
        return result

    def dedupe(self, config: Mapping[str, Any]) -> Frame | None:
        frame, report = self.frame, self.report
        check_columns(config["keys"], frame, ("keys",), report)
        check_sort_entries(config.get("order_by") or (), frame, ("order_by",), report)
        check_comparable(frame, report)
        return frame

    def sort(self, config: Sequence[str]) -> Frame | None:
        frame, report = self.frame, self.report
        check_sort_entries(config, frame, (), report)
        check_comparable_columns(sorted_columns(config), frame, (), report)
        return frame

    def sql(self, config: str) -> Frame | None:
        frame, inputs, report = self.frame, self.inputs, self.report
        parsed = read_query(config)
        for problem in parsed.problems:
            report((), problem)
        if parsed.tree is None or parsed.problems:
            return None
        return query_frame(parsed.tree, {**inputs, "this": frame}, lambda problem: report((), problem))
