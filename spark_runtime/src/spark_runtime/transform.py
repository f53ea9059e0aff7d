"""A transform node: tables through the product's steps to a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyspark.errors import PySparkException

from spark_runtime.aside import AsideKeys, discard_aside
from spark_runtime.casts import asked_for, canonical_type, to_declared
from spark_runtime.column_spec import Column
from spark_runtime.contracts import keep_contracts
from spark_runtime.errors import ColumnMismatch, FaultKind, MissingTable, StepRefused
from spark_runtime.failures import describe_failure, is_missing_table, is_missing_version
from spark_runtime.frame import LOAD_COLUMNS, Frame, find_name
from spark_runtime.held_rows import ORIGIN, read_held
from spark_runtime.held_spec import Held
from spark_runtime.increments import read_increment, table_state
from spark_runtime.input_spec import TableInput
from spark_runtime.job import Job, log
from spark_runtime.judgement import Judgement, judge_by
from spark_runtime.lookups import Lookup, find_all
from spark_runtime.publishing import publish_directly, publish_staged
from spark_runtime.result import InputResult
from spark_runtime.sifting import can_be_read_again, can_be_sifted, sift
from spark_runtime.slices import added_columns
from spark_runtime.sql import quoted
from spark_runtime.staged import Staged
from spark_runtime.staged_column import Kept, StagedColumn
from spark_runtime.staging import Origin, stage
from spark_runtime.step_spec import Step, StepType
from spark_runtime.steps import STEPS, StepContext
from spark_runtime.table_rules import judge_table
from spark_runtime.tally import Tally, count_staged
from spark_runtime.write import ONE_PASS


def transform(job: Job, inputs: Sequence[TableInput]) -> None:
    """Read the inputs, apply the steps, test the rows, publish them and quarantine the rest.

    Raises:
        MissingTable: An input is not there, or not in the version to be read.
        StepRefused: A step does not fit the columns it meets.
        ColumnMismatch: The steps do not yield the declared columns.
        ContractBroken: The table would lack what a port promises; nothing is published.
        QualityGateClosed: A rule of severity ``fail`` refused rows; nothing is published.
    """
    stagings = _Stagings(job, AsideKeys(job))
    trail: list[tuple[str, Frame]] = []
    try:
        with job.findings.phase("read"):
            frames = {item.name: _open(job, item) for item in inputs}
            _choose_rows(job, inputs, frames)
        with job.findings.phase("transform"):
            if job.spec.held is not None and job.spec.releases:
                frame = _held_frame(job, job.spec.held)
            else:
                frame = _apply_steps(job, frames, stagings, trail)
            types = {name: kind for name, kind in _types_of(frame).items() if name not in ORIGIN}
        _write(job, frame, types, frames, stagings)
    except PySparkException as error:
        raise _located(error, trail) from error
    finally:
        stagings.discard()


@dataclass(slots=True)
class _Stagings:
    """What this job has staged: rows refused by casts on the way, with their counts."""

    job: Job
    keys: AsideKeys
    refused: list[tuple[Staged, Tally]] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)

    def stage(
        self,
        frame: Frame,
        columns: Sequence[StagedColumn],
        *rules: Any,
        carried: Sequence[str] = (),
        kept: Mapping[str, Kept] | None = None,
    ) -> Staged:
        origin, number = _origin(frame), len(self.staged)
        staged = stage(
            self.job,
            frame.df,
            columns,
            *rules,
            carried=carried,
            kept=kept,
            origin=origin,
            keep=self.keys.keep,
            number=number,
        )
        self.staged.append(staged)
        return staged

    def sift(
        self,
        frame: Frame,
        columns: Sequence[StagedColumn],
        *rules: Any,
        lookups: Sequence[Lookup],
        carried: Sequence[str],
        kept: Mapping[str, Kept],
    ) -> Staged:
        """Stage the rows that fail a test only, of a frame that can be read again."""
        origin, number = _origin(frame), len(self.staged)
        staged = sift(
            self.job,
            frame.df,
            columns,
            *rules,
            lookups=lookups,
            carried=carried,
            kept=kept,
            origin=origin,
            number=number,
            keep=self.keys.keep,
        )
        self.staged.append(staged)
        return staged

    def discard(self) -> None:
        if self.staged or self.keys.kept:
            discard_aside(self.job)


def _origin(frame: Frame) -> Origin:
    source = find_name("_source_file", frame.columns)
    return Origin() if source is None else Origin(source_file=quoted(source))


def _may_be_sifted(job: Job) -> bool:
    """Return whether the node's rows can be read twice; which rows an incremental node reads is not asked again."""
    spec = job.spec
    return (
        bool(spec.rules)
        and spec.load is None
        and not spec.releases
        and can_be_read_again(spec.steps, spec.rules)
    )


def _open(job: Job, item: TableInput) -> Frame:
    try:
        # Whoever reads twice reads one version.
        return Frame.resolve(job.tables.open(item.uri, version=item.version, fixed=_may_be_sifted(job)))
    except PySparkException as error:
        if is_missing_table(error):
            raise MissingTable(item.name, item.uri) from error
        if item.version is not None and is_missing_version(error):
            raise MissingTable(item.name, item.uri, item.version) from error
        raise


def _choose_rows(job: Job, inputs: Sequence[TableInput], frames: dict[str, Frame]) -> None:
    """Put the rows that an incremental node has to read in place of its first input; note what was read."""
    load = job.spec.load
    if load is None:
        return
    first = inputs[0]
    frames[first.name], job.findings.load = read_increment(job, load, first, frames[first.name])
    job.findings.inputs = tuple(InputResult(item.name, table_state(job, item)) for item in inputs)
    log.info("%s: %s load, %s", job.spec.node, job.findings.load.mode, job.findings.load.reason)


def _held_frame(job: Job, held: Held) -> Frame:
    """Return rows in quarantine as the steps yielded them, with where they came from."""
    columns = [(column.name, canonical_type(column.type)) for column in _kept_columns(job)]
    return Frame(read_held(job, held, columns), (*(name for name, _ in columns), *ORIGIN))


def _kept_columns(job: Job) -> tuple[Column, ...]:
    """Return the columns of the node's table without those that the runtime adds."""
    if job.spec.output.columns:
        return job.spec.output.columns
    added = {*LOAD_COLUMNS, *added_columns(job)[1]}
    known = job.tables.types(job.spec.output.uri) or {}
    return tuple(Column(name, kind) for name, kind in known.items() if name.casefold() not in added)


def _apply_steps(
    job: Job, inputs: Mapping[str, Frame], stagings: _Stagings, trail: list[tuple[str, Frame]]
) -> Frame:
    """Return the frame after the last step; ``trail`` receives each step and its frame."""
    frame = next(iter(inputs.values()))
    for number, step in enumerate(job.spec.steps, 1):
        where = f"step {number} ({step.type})"
        try:
            if step.type is StepType.CAST:
                frame = _cast(frame, step, where, stagings)
            else:
                context = StepContext(job.spark, where, inputs, job.views, job.dialect)
                frame = STEPS[step.type](frame, step.config, context)
        except PySparkException as error:
            raise _located(error, trail, or_else=where) from error
        trail.append((where, frame))
    return frame


def _located(error: PySparkException, trail: Sequence[tuple[str, Frame]], *, or_else: str = "") -> Exception:
    """Return the error with the step that caused it: engines look at a plan only when they have to run it."""
    failure = describe_failure(error)
    if failure.kind is not FaultKind.DEFINITION:
        return error
    for where, frame in trail:
        try:
            # Not the schema: the client answers that from memory where a step cannot change it.
            frame.df.limit(0).collect()
        except PySparkException as first:
            return StepRefused(f"{where}: {describe_failure(first).message}")
    return StepRefused(f"{or_else}: {failure.message}") if or_else else error


def _types_of(frame: Frame) -> dict[str, str]:
    return {field.name: canonical_type(field.dataType.simpleString()) for field in frame.df.schema.fields}


def _cast(frame: Frame, step: Step, where: str, stagings: _Stagings) -> Frame:
    """Cast columns; rows with a value that cannot be cast leave the frame here, for the quarantine."""
    types = _types_of(frame)
    asked = {frame.find(name, where=where): target for name, target in step.config.items()}
    columns = []
    for name, actual in types.items():
        target = asked.get(name, actual)
        _refuse_own_text(stagings.job, name, actual, target if name in asked else actual, where)
        kind, pattern = (target["type"], target.get("format")) if isinstance(target, dict) else (target, None)
        conversion = (
            asked_for(quoted(name), actual, kind, pattern)
            if name in asked
            else to_declared(quoted(name), kind, kind)
        )
        columns.append(
            StagedColumn(name, canonical_type(kind), quoted(name), conversion, True, f"cast:{name}", actual)
        )
    if all(column.conversion.lost is None for column in columns):
        df = frame.df.selectExpr(
            *(f"{column.conversion.value} AS {quoted(column.name)}" for column in columns)
        )
        return Frame(df, frame.columns)
    staged = stagings.stage(frame, columns)
    tally = count_staged(staged)
    if tally.refused:
        stagings.refused.append((staged, tally))
    return Frame(staged.valid_rows().selectExpr(*map(quoted, types)), tuple(types))


def _refuse_own_text(job: Job, name: str, actual: str, target: Any, where: str) -> None:
    """Refuse to make text of a value that this engine writes in its own way."""
    is_text = isinstance(target, str) and canonical_type(target) == "string"
    if job.dialect.is_spark or not is_text or not (actual in {"float", "double"} or "<" in actual):
        return
    raise StepRefused(
        f"{where}: column '{name}': this engine writes {actual} as text in another way; cast it to decimal(p,s) "
        "before, or write its parts"
    )


def _write(
    job: Job, frame: Frame, types: dict[str, str], inputs: Mapping[str, Frame], stagings: _Stagings
) -> None:
    """Test and publish the frame; without a test that could refuse a row, it is written in one pass."""
    columns = _output_columns(job, frame, types)
    tested = {column.name: column.type for column in columns}
    judgement = judge_by(job, frame, columns, inputs, stagings.keys.keep)
    spec = job.spec
    extra, extra_types = added_columns(job)
    keep_contracts(job, tested | extra_types)
    is_certain = not (judgement.can_refuse or spec.releases or stagings.refused)
    if is_certain and spec.attempt == 1 and spec.output.write.mode in ONE_PASS:
        values = {column.name: column.conversion.value for column in judgement.columns} | extra
        df = judgement.frame.df.selectExpr(*(f"{value} AS {quoted(name)}" for name, value in values.items()))
        publish_directly(job, df, tested | extra_types)
        return
    with job.findings.phase("check"):
        staged = _staged(job, judgement, stagings)
        tally = count_staged(staged, declared=spec.rules)
        verdicts = judge_table(staged, judgement.table_rules, judgement.around, rejected=tally.rejected)
    publish_staged(
        job,
        staged,
        tally,
        verdicts,
        refused_before=stagings.refused,
        extra=extra,
        extra_types=extra_types,
    )


def _staged(job: Job, judgement: Judgement, stagings: _Stagings) -> Staged:
    frame, columns, tests, unique = judgement.frame, judgement.columns, judgement.tests, judgement.unique
    lookups, carried, kept = judgement.lookups, judgement.carried, judgement.kept
    is_one_pass = job.spec.output.write.mode in ONE_PASS
    if is_one_pass and _may_be_sifted(job) and can_be_sifted(columns, unique):
        return stagings.sift(frame, columns, tests, unique, lookups=lookups, carried=carried, kept=kept)
    carried = (*carried, *(lookup.flag for lookup in lookups))
    frame = replace(frame, df=find_all(frame.df, lookups))
    return stagings.stage(frame, columns, tests, unique, carried=carried, kept=kept)


def _output_columns(job: Job, frame: Frame, types: dict[str, str]) -> list[StagedColumn]:
    output = job.spec.output
    if job.spec.releases:
        declared = _kept_columns(job)
    else:
        declared = output.columns or tuple(Column(name, types[name]) for name in frame.product_columns)
    found = {column.name: find_name(column.name, types) for column in declared}
    missing = [name for name, own in found.items() if own is None]
    extra = [name for name in types if name not in found.values() and name.casefold() not in LOAD_COLUMNS]
    faults = []
    if missing:
        faults.append(f"the steps yield no column {', '.join(missing)}")
    if extra and output.columns:
        faults.append(f"the steps yield {', '.join(extra)} beyond the declared columns")
    # Some engines keep such a column in a file and some do not; no table has a type for it.
    faults += [
        f"'{column.name}' is null in all rows and has no type; write cast(null as string), or what it is to be"
        for column in declared
        if "void" in canonical_type(column.type)
    ]
    if faults:
        raise ColumnMismatch(f"{output.name}: {'; '.join(faults)}. Change the steps or the declared columns.")
    for column in declared:
        _refuse_own_text(job, column.name, types[str(found[column.name])], column.type, output.name)
    # A row that cannot be told newer or older than another has no place in the table.
    ordering = find_name(output.write.order_by or "", found)
    return [
        StagedColumn(
            name=column.name,
            type=canonical_type(column.type),
            source=quoted(str(found[column.name])),
            conversion=to_declared(
                quoted(str(found[column.name])), types[str(found[column.name])], column.type
            ),
            nullable=column.nullable and column.name != ordering,
            lost_as=f"type:{column.name}",
            source_type=types[str(found[column.name])],
        )
        for column in declared
    ]
