"""Rows in quarantine that are judged again, or given up.

A row is released in two commits: the quarantine says which run took it out, then the table gets it, as rows of that
run. Until the run has succeeded neither counts: another attempt finds the row by the name of its run, and so does
the next run of the node after one that came to nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyspark.sql import DataFrame

from spark_runtime.casts import is_nested
from spark_runtime.empty_frames import empty_frame
from spark_runtime.frame import Frame
from spark_runtime.held_spec import Held
from spark_runtime.job import Job, log
from spark_runtime.lookups import Lookup
from spark_runtime.quarantine import (
    DISCARDED,
    QUARANTINE_TYPES,
    RELEASED,
    before,
    has_quarantine,
    held_again,
    open_rows,
    quarantine_rows,
    refused_in_vain,
    replace_quarantined,
)
from spark_runtime.references import look_up
from spark_runtime.result import ReleasedFrom
from spark_runtime.rule_spec import TABLE_CHECKS, Check, Rule, Severity
from spark_runtime.rules import UniqueTest
from spark_runtime.slices import RUN_COLUMN, is_one_of
from spark_runtime.sql import all_of, any_of, comparable, quoted, text_literal, timestamp_literal
from spark_runtime.staged import UNREADABLE, Staged
from spark_runtime.staged_column import Kept, StagedColumn

# Where rows came from, next to those that are judged again.
ORIGIN = tuple(before(name) for name in QUARANTINE_TYPES)
KEPT = {before(name): Kept(kind, f"CAST(NULL AS {kind})") for name, kind in QUARANTINE_TYPES.items()}


def read_held(job: Job, held: Held, columns: Sequence[tuple[str, str]]) -> DataFrame:
    """Return the chosen rows that can be judged again: their fields, and the columns ``ORIGIN``.

    A record that could not be parsed is text and has no fields: it stays where it is.

    Args:
        columns: Fields to read, and their types; nested ones as they are, all others as text.
    """
    if has_quarantine(job):
        rows = job.tables.read(job.spec.output.quarantine_uri).where(_judged(job, held))
    else:
        rows = empty_frame(job.spark, QUARANTINE_TYPES)
    # A key beside the columns, for a row of a node without any.
    fields = ", ".join(f"{quoted(name)} {kind if is_nested(kind) else 'string'}" for name, kind in columns)
    parsed = rows.selectExpr(
        *(f"{name} AS {before(name)}" for name in QUARANTINE_TYPES),
        f"from_json(_row, {text_literal(fields)}) AS _lf_parsed",
    )
    return parsed.selectExpr(
        *ORIGIN, *(f"_lf_parsed.{quoted(name)} AS {quoted(name)}" for name, _ in columns)
    )


def lenient(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules as rows in quarantine are judged by them: one that fails stays, and stops nothing else.

    Rules on the whole table are about deliveries, and released rows are not one.
    """
    return tuple(
        replace(rule, severity=Severity.QUARANTINE) if rule.severity is Severity.FAIL else rule
        for rule in rules
        if rule.check not in TABLE_CHECKS
    )


def look_up_published(
    job: Job,
    df: DataFrame,
    columns: Sequence[StagedColumn],
    unique: Sequence[UniqueTest],
    keep: Callable[[DataFrame], DataFrame],
) -> tuple[Lookup, ...]:
    """Return what to look up so that no row has a key that is published already, for rows that come after the others.

    Args:
        df: Rows that hold the sources of ``columns``.
    """
    if not unique or job.tables.types(job.spec.output.uri) is None:
        return ()
    # Rows of an earlier attempt are these rows; rows of runs that came to nothing are taken away.
    gone = is_one_of(RUN_COLUMN, (job.spec.run_id, *job.spec.output.discard_runs))
    published = job.tables.read(job.spec.output.uri).where(f"NOT {gone}")
    values = {column.name: column.conversion.value for column in columns}
    types = {column.name: column.type for column in columns}
    rules, inputs = [], {}
    for test in unique:
        name = f"{test.name}:published"
        own = df.selectExpr(
            *(f"{comparable(f'({values[key]})', types[key])} AS {quoted(key)}" for key in test.keys)
        ).distinct()
        there = published.where(f"coalesce(({test.filter}), false)") if test.filter else published
        # Few rows are judged again: only their keys are looked for in a table that may be large.
        keys = there.selectExpr(
            *(f"{comparable(quoted(key), types[key])} AS {quoted(key)}" for key in test.keys)
        )
        found = keys.join(own, on=list(test.keys), how="left_semi")
        config = {"columns": list(test.keys), "references": name}
        rules.append(Rule(name, Check.FORBIDDEN_VALUES, test.severity, config, test.filter))
        inputs[name] = Frame(found, test.keys)
    lookups = look_up(columns, rules, inputs, keep, flag="_lf_p")
    return tuple(
        replace(
            lookup,
            test=replace(
                lookup.test, reason=f"{rule.name}: a row with this {', '.join(one.keys)} is in the table"
            ),
        )
        for lookup, rule, one in zip(lookups, rules, unique, strict=True)
    )


def write_judged(job: Job, held: Held, staged: Staged) -> None:
    """Write in one commit which rows were released, and why the others still stay."""
    released = staged.valid_rows().selectExpr(
        *_ended(job, held, RELEASED, {name: before(name) for name in QUARANTINE_TYPES})
    )
    passed_over = held_again(job, f"{open_rows(job.spec)} AND NOT ({_judged(job, held)})")
    rows = quarantine_rows(job, staged).union(released).union(passed_over)
    replace_quarantined(job, rows, _settled(job))


def released_from(staged: Staged) -> tuple[ReleasedFrom, ...]:
    """Return by which runs, and from which files, the released rows were refused."""
    run, file = before("_run_id"), before("_source_file")
    pairs = staged.valid_rows().selectExpr(f"{run} AS run", f"{file} AS file").distinct().collect()
    return tuple(sorted(ReleasedFrom(row["run"], row["file"]) for row in pairs if row["file"] is not None))


def discard_held(job: Job, held: Held) -> None:
    """Give the chosen rows up: they stay in the quarantine, with the reason, and nothing judges them again."""
    if not has_quarantine(job):
        return
    chosen = _chosen(job, held)
    rows = job.tables.read(job.spec.output.quarantine_uri).where(chosen)
    job.findings.rows_read = rows.count()
    given_up = rows.selectExpr(*_ended(job, held, DISCARDED, {name: name for name in QUARANTINE_TYPES}))
    left = held_again(job, f"{open_rows(job.spec)} AND NOT ({chosen})")
    replace_quarantined(job, given_up.union(left), _settled(job))
    log.info("discarded %d rows of %s: %s", job.findings.rows_read, job.spec.output.name, held.reason)


def _settled(job: Job) -> str:
    """Return the condition of the rows that the commit of an act replaces."""
    return any_of([open_rows(job.spec), *refused_in_vain(job.spec)])


def _ended(job: Job, held: Held, state: str, values: dict[str, str]) -> list[str]:
    ended = {
        "_state": text_literal(state),
        "_ended_run": text_literal(job.spec.run_id),
        "_ended_at": timestamp_literal(job.started_at),
        "_ended_by": text_literal(held.by),
        "_ended_reason": text_literal(held.reason) if held.reason else "CAST(NULL AS string)",
    }
    return [f"{sql} AS {name}" for name, sql in (values | ended).items()]


def _judged(job: Job, held: Held) -> str:
    return f"{_chosen(job, held)} AND NOT array_contains(_rules, '{UNREADABLE}')"


def _chosen(job: Job, held: Held) -> str:
    """Return the condition, never null, of the rows that an act is about."""
    conditions = [open_rows(job.spec)]
    if held.runs:
        conditions.append(is_one_of("_run_id", held.runs))
    if held.files:
        ends = (
            f"right(concat('/', _source_file), {len(file) + 1}) = {text_literal('/' + file)}"
            for file in held.files
        )
        conditions.append(f"_source_file IS NOT NULL AND ({any_of(list(ends))})")
    if held.rules:
        # Sail finds no column inside of a function that goes through an array, where it filters a table.
        conditions.append(any_of([f"array_contains(_rules, {text_literal(name)})" for name in held.rules]))
    return all_of(conditions)
