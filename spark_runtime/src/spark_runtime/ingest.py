"""An ingest node: landed files to a table of typed, tested rows, every record published or quarantined."""

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import DataFrame

from spark_runtime.aside import AsideKeys, discard_aside
from spark_runtime.casts import Conversion, canonical_type, from_text, is_nested, or_typed
from spark_runtime.column_spec import Column
from spark_runtime.contracts import keep_contracts
from spark_runtime.errors import AllFilesRejected, FilesMissing, RowsUnaccounted, SchemaDrifted
from spark_runtime.further_columns import RESCUED, further_columns, kept_columns
from spark_runtime.held_rows import KEPT, ORIGIN, lenient, look_up_published, read_held
from spark_runtime.held_spec import Held
from spark_runtime.input_spec import Drift, FilesInput
from spark_runtime.job import Job, log
from spark_runtime.landed_files import comes_typed, knows_types, nested_of, read_landed_files, spelling_of
from spark_runtime.landed_tables import Landed, landed_files_of
from spark_runtime.large_texts import in_blocks
from spark_runtime.lookups import Lookup, find_all
from spark_runtime.publishing import publish_staged
from spark_runtime.quarantine import before
from spark_runtime.reader_options import null_texts, text_format
from spark_runtime.readers.held_cells import CellPlan, make_cell_reader
from spark_runtime.readers.nested import FENCE, NestedColumn
from spark_runtime.readers.parse import nested_columns
from spark_runtime.readers.records import DRIFTED
from spark_runtime.readers.type_tree import type_tree
from spark_runtime.repairs import compile_repairs, repair_rows
from spark_runtime.result import FileResult, FileStatus
from spark_runtime.rule_spec import Rule
from spark_runtime.rules import compile_rules, portable_rules
from spark_runtime.sql import columns_text, quoted, text_literal, timestamp_literal
from spark_runtime.staged import TOLD, Staged
from spark_runtime.staged_column import Kept, LosingPart, StagedColumn
from spark_runtime.staging import Origin, stage
from spark_runtime.table_rules import Surroundings, compile_table_rules, judge_table
from spark_runtime.tally import Tally, count_staged

# What the parser says of each record, beside its values.
_ORIGIN = ("_lf_kind", "_lf_file", "_lf_fault", "_lf_raw", "_lf_line", "_lf_rows")
LOAD_TYPES = {"_source_file": "string", "_ingested_at": "timestamp", "_run_id": "string"}


def ingest(job: Job, source: FilesInput) -> None:
    """Read the listed files, stage and test their rows, publish them and quarantine the rest.

    Raises:
        FilesMissing: A listed file was not there.
        AllFilesRejected: No file could be read at all; single ones are rejected in the result.
        RowsUnaccounted: Rows were lost or doubled on the way; nothing is published.
        QualityGateClosed: A rule of severity ``fail`` refused rows; nothing is published.
    """
    keys = AsideKeys(job)
    with job.findings.phase("read"):
        landed = landed_files_of(job.spark, source)
        source = landed.source
        if job.spec.held is not None and job.spec.releases:
            found = kept_columns(job, source)
            records = _records_of_held(job, job.spec.held, source, found)
        else:
            landed = in_blocks(job, landed)
            source = landed.source
            found = further_columns(job, source, landed.blocks)
            records = with_captured(read_landed_files(job, source, found, landed.blocks), source)
    with job.findings.phase("check"):
        columns = (*source.columns, *found)
        types = {column.name: column.type for column in (*columns, *source.captured)}
        keep_contracts(job, types | LOAD_TYPES)
        around = Surroundings(job.started_at, job.spec.former_rows)
        rules = portable_rules(job.spec.rules, types, job.dialect)
        if job.spec.releases:
            rules = lenient(rules)
        table_rules = compile_table_rules(rules, types, around)
        staged = _stage(job, landed, columns, records, rules, keys)
    try:
        with job.findings.phase("check"):
            tally = count_staged(staged, declared=job.spec.rules, owners=landed.owners)
            if not job.spec.releases:
                _settle_files(job, landed, tally)
            verdicts = judge_table(staged, table_rules, around, rejected=tally.rejected)
        extra = {
            "_source_file": staged.source_file,
            "_ingested_at": timestamp_literal(job.started_at),
            "_run_id": text_literal(job.spec.run_id),
        }
        publish_staged(job, staged, tally, verdicts, refused_before=(), extra=extra, extra_types=LOAD_TYPES)
    finally:
        discard_aside(job)


def _records_of_held(job: Job, held: Held, source: FilesInput, found: Sequence[Column]) -> DataFrame:
    """Return rows in quarantine as the records of a file, with where they came from."""
    declared = (*source.columns, *found)
    names = [column.name for column in (*declared, *source.captured)]
    if source.drift is Drift.RESCUE:
        names.append(RESCUED)
    rows = read_held(job, held, [(name, "string") for name in names])
    nested = nested_of(declared)
    if nested:
        rows = _with_nested(rows, names, nested, source)
    fields = list(nested_columns(nested))
    for at, column in enumerate(declared):
        fields.append(f"{quoted(column.name)} AS _lf_c{at}")
        if comes_typed(source, column):
            fields.append(f"CAST(NULL AS {column.type}) AS _lf_v{at}")
    fields += [
        f"CAST({quoted(column.name)} AS {column.type}) AS _lf_p{at}"
        for at, column in enumerate(source.captured)
    ]
    if source.drift is Drift.RESCUE:
        fields.append(f"{RESCUED} AS _lf_extra")
    nothing = {
        "_lf_kind": "0",
        "_lf_file": "CAST(NULL AS int)",
        "_lf_fault": "CAST(NULL AS string)",
        "_lf_raw": "CAST(NULL AS string)",
        "_lf_line": before("_line"),
        "_lf_rows": "CAST(NULL AS bigint)",
    }
    return rows.selectExpr(*fields, *(f"{sql} AS {name}" for name, sql in nothing.items()), *ORIGIN)


def _with_nested(
    rows: DataFrame, names: Sequence[str], nested: Sequence[NestedColumn], source: FilesInput
) -> DataFrame:
    """Return rows in quarantine with the values of their nested columns, read as those of a file are."""
    kinds = {name: kind.type for name, kind in KEPT.items()} | dict.fromkeys(names, "string")
    spelling = spelling_of(source)
    if spelling.further == "fail":
        # A row that is judged again and still does not fit stays where it is.
        spelling = replace(spelling, further="refuse")
    extra = RESCUED if source.drift is Drift.RESCUE else None
    plan = CellPlan(nested, spelling, {column.at: column.name for column in nested}, extra)
    schema = columns_text(kinds | nested_columns(nested))
    return rows.mapInArrow(make_cell_reader(plan), schema)


def _stage(
    job: Job,
    landed: Landed,
    declared: tuple[Column, ...],
    records: DataFrame,
    rules: Sequence[Rule],
    keys: AsideKeys,
) -> Staged:
    source = landed.source
    columns = [
        StagedColumn(
            name=column.name,
            type=column.type,
            source=f"_lf_c{at}",
            conversion=_conversion(source, column, at),
            nullable=column.nullable,
            lost_as=f"type:{column.name}",
            tells_text=comes_typed(source, column),
            parts=_parts(column, at),
        )
        for at, column in enumerate(declared)
    ]
    columns += [
        StagedColumn(
            name=column.name,
            type=column.type,
            source=f"_lf_p{at}",
            conversion=Conversion(f"_lf_p{at}", None),
            nullable=True,
            lost_as=f"type:{column.name}",
            source_type=column.type,
        )
        for at, column in enumerate(source.captured)
    ]
    if source.drift is Drift.RESCUE:
        kept = Conversion("_lf_extra", None)
        columns.append(StagedColumn(RESCUED, "string", "_lf_extra", kept, nullable=True, lost_as=""))
    types = {column.name: column.type for column in columns}
    tests, unique = compile_rules(rules, types)
    origins = (*_ORIGIN, *ORIGIN) if job.spec.releases else _ORIGIN
    nested = nested_of(declared)
    told: dict[str, Kept] = {}
    if nested:
        words = ", ".join(f"_lf_d{column.at}" for column in nested)
        records = records.selectExpr("*", f"nullif(concat_ws('; ', {words}), '') AS {TOLD}")
        told = {TOLD: Kept("string", "CAST(NULL AS string)")}
        origins = (*origins, TOLD, *(f"_lf_e{column.at}" for column in nested))
    repaired = repair_rows(records, columns, compile_repairs(rules, types), keep=origins)
    lookups: tuple[Lookup, ...] = ()
    if job.spec.releases:
        lookups = look_up_published(job, repaired.df, repaired.columns, unique, keys.keep)
    origin = Origin(
        kind="_lf_kind",
        file="_lf_file",
        fault="_lf_fault",
        raw="_lf_raw",
        line="_lf_line",
        rows="_lf_rows",
        source_file=before("_source_file") if job.spec.releases else _listed_uri(landed),
    )
    return stage(
        job,
        find_all(repaired.df, lookups),
        repaired.columns,
        (*tests, *(lookup.test for lookup in lookups), *repaired.tests),
        unique,
        carried=(*(lookup.flag for lookup in lookups), *repaired.carried),
        kept={**repaired.kept, **told, **(KEPT if job.spec.releases else {})},
        origin=origin,
        keep=keys.keep,
    )


def _listed_uri(landed: Landed) -> str:
    """Return SQL of the address of the listed file that a row came with."""
    uris = ", ".join(text_literal(file.uri) for file in landed.listed)
    number = "_lf_file"
    if landed.owners != tuple(range(len(landed.listed))):
        number = f"element_at(array({', '.join(map(str, landed.owners)) or '0'}), _lf_file + 1)"
    return f"element_at(array({uris}), {number} + 1)"


def with_captured(records: DataFrame, source: FilesInput) -> DataFrame:
    """Return the records with a column ``_lf_p0``, ``_lf_p1`` … for each value that paths of files hold."""
    values = []
    for at, column in enumerate(source.captured):
        texts = (file.captured.get(column.name) for file in source.files)
        literals = ", ".join("NULL" if text is None else text_literal(str(text)) for text in texts)
        of_file = f"element_at(array({literals}), _lf_file + 1)"
        values.append(f"CAST({of_file} AS {column.type}) AS _lf_p{at}")
    return records.selectExpr("*", *values) if values else records


def _conversion(source: FilesInput, column: Column, at: int) -> Conversion:
    if is_nested(canonical_type(column.type)):
        return Conversion(f"_lf_n{at}", f"_lf_e{at} IS NOT NULL")
    conversion = from_text(
        f"_lf_c{at}",
        column.type,
        null_texts=null_texts(source),
        layout=text_format(source, column),
        encoded=knows_types(source),
    )
    return or_typed(f"_lf_v{at}", conversion) if comes_typed(source, column) else conversion


def _parts(column: Column, at: int) -> tuple[LosingPart, ...]:
    """Return the parts of a nested column, whose faults the parser has noted by their paths."""
    kind = canonical_type(column.type)
    if not is_nested(kind):
        return ()
    misfits = f"_lf_e{at}"
    return tuple(
        LosingPart(
            part.path,
            part.kind,
            f"CASE WHEN {misfits} IS NULL THEN false ELSE instr({misfits}, "
            f"{text_literal(FENCE + part.path + FENCE)}) > 0 END",
        )
        for part in type_tree(kind, column.name).walk()
    )


def _settle_files(job: Job, landed: Landed, tally: Tally) -> None:
    """Note what became of each listed file, and stop where the rows cannot be vouched for."""
    results = []
    missing: list[str] = []
    for number, file in enumerate(landed.listed):
        fault = landed.faults.get(number)
        for at in landed.parts_of(number):
            part = landed.source.files[at]
            closed = tally.files.get(at)
            if at in landed.blocks and (closed is None or not closed.closings):
                raise RowsUnaccounted(
                    f"{part.uri}: a part of it did not come back as it was found. Nothing was published; it was "
                    "replaced while it was read, or the engine lost lines."
                )
            if closed is None:
                # Engines report no row for a file without bytes, nor for one that is not there.
                missing += [part.uri] * (part.size_bytes > 0)
                continue
            if closed.closings != 1 or (closed.fault is None and closed.records != closed.staged):
                raise RowsUnaccounted(
                    f"{part.uri}: {closed.records} records were read in {closed.closings} passes and {closed.staged} "
                    "arrived. Nothing was published; the engine lost or doubled rows."
                )
            if landed.source.drift is Drift.FREEZE and (closed.fault or "").startswith(DRIFTED):
                raise SchemaDrifted(part.uri, (closed.fault or "").removeprefix(DRIFTED))
            if closed.fault is not None and fault is None:
                fault = (
                    closed.fault if part.uri == file.uri else f"{part.uri.rpartition('/')[2]}: {closed.fault}"
                )
        results.append(FileResult(file.uri, FileStatus.DONE if fault is None else FileStatus.REJECTED, fault))
        if fault is not None:
            # Not why: it may quote what the file begins with.
            log.warning("rejected %s; the result of the node says why", file.uri)
    if missing:
        raise FilesMissing(tuple(missing))
    job.findings.files = tuple(results)
    rejected = [result for result in results if result.status is FileStatus.REJECTED]
    if len(rejected) == len(results):
        first = rejected[0]
        what = (
            "the file cannot be read"
            if len(results) == 1
            else f"none of the {len(results)} files can be read"
        )
        raise AllFilesRejected(f"{what}; {first.uri}: {first.reason}")
