"""The quarantine table: rows that a test refused, with the reasons, one schema for all datasets."""

from collections.abc import Sequence
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from spark_runtime.empty_frames import empty_frame
from spark_runtime.errors import UnknownQuarantineLayout
from spark_runtime.held_spec import HeldAct
from spark_runtime.job import Job
from spark_runtime.row_json import row_as_json
from spark_runtime.slices import is_one_of, replaced_rows
from spark_runtime.spec import NodeSpec
from spark_runtime.sql import all_of, any_of, literal, quoted, text_literal, timestamp_literal
from spark_runtime.staged import REFUSING, TOLD, UNREADABLE, Staged
from spark_runtime.verdict import failed_names
from spark_runtime.write_spec import WriteMode

QUARANTINE_TYPES = {
    "_run_id": "string",
    "_node": "string",
    "_attempt": "int",
    "_dataset": "string",
    "_rules": "array<string>",
    "_rule_versions": "array<string>",
    "_warnings": "array<string>",
    "_reason": "string",
    "_source_file": "string",
    "_line": "bigint",
    "_row": "string",
    "_quarantined_at": "timestamp",
    "_state": "string",
    "_ended_run": "string",
    "_ended_at": "timestamp",
    "_ended_by": "string",
    "_ended_reason": "string",
}
HELD, RELEASED, DISCARDED = "held", "released", "discarded"
# Of a row that is judged again, what stays as it was when it was refused first.
OF_ORIGIN = ("_run_id", "_node", "_attempt", "_dataset", "_source_file", "_line", "_row", "_quarantined_at")


def quarantine_rows(job: Job, staged: Staged, *, rejected: Sequence[int] = ()) -> DataFrame:
    """Return the refused rows of a staging in the columns of the quarantine table.

    ``_line`` is the line of the file, for formats without lines the number of the record. ``_row`` is the row as JSON,
    or as it stands in the file if it could not be parsed. ``_rules`` are those that refused the row, ``_rule_versions``
    their versions in the same order (empty for a built-in test), ``_warnings`` the rules that only flag. Rows that
    were in quarantine before keep where they came from.
    """
    spec = job.spec
    versions = {rule.name: rule.version for rule in spec.rules}
    refusing = [test for test in staged.tests if test.severity in REFUSING]
    reasons = ", ".join(
        f"CASE WHEN {test.failed} THEN "
        + (f"concat('{UNREADABLE}: ', _lf_fault)" if test.name == UNREADABLE else text_literal(test.reason))
        + " END"
        for test in refusing
    )
    if TOLD in staged.neutral:
        reasons += f", {TOLD}"
    row = row_as_json([(name, quoted(name), kind) for name, kind in staged.types.items()], job.dialect)
    values = {
        "_run_id": literal(spec.run_id),
        "_node": literal(spec.node),
        "_attempt": str(spec.attempt),
        "_dataset": literal(spec.output.name),
        "_rules": staged.names_of(refusing),
        "_rule_versions": staged.names_of(refusing, versions),
        "_warnings": staged.warnings() or failed_names([]),
        "_reason": f"concat_ws('; ', {reasons})",
        "_source_file": staged.source_file,
        "_line": "_lf_line",
        # A rule on keys refuses rows after the staging, which wrote the JSON of the others.
        "_row": f"coalesce(_lf_row, {row})",
        "_quarantined_at": timestamp_literal(job.started_at),
        "_state": text_literal(HELD),
        **{
            name: f"CAST(NULL AS {QUARANTINE_TYPES[name]})"
            for name in ("_ended_run", "_ended_at", "_ended_by", "_ended_reason")
        },
    }
    if spec.releases:
        values |= {name: before(name) for name in OF_ORIGIN}
    return staged.refused_rows(rejected=rejected).selectExpr(
        *(f"{values[name]} AS {name}" for name in QUARANTINE_TYPES)
    )


def before(name: str) -> str:
    """Return the column that carries, next to a row that is judged again, a column of the quarantine table."""
    return f"_lf_q{name}"


def open_rows(spec: NodeSpec) -> str:
    """Return the condition of the node's rows that are held.

    So is one that this run has ended in an earlier attempt, or a run that came to nothing. One that such a run refused
    is not: whoever reads what that run read refuses it again.
    """
    ended_in_vain = is_one_of("_ended_run", (spec.run_id, *spec.output.discard_runs))
    return all_of(
        [
            _of_node(spec),
            any_of([f"_state = {text_literal(HELD)}", ended_in_vain]),
            *(f"NOT ({rows})" for rows in refused_in_vain(spec)),
        ]
    )


def refused_in_vain(spec: NodeSpec) -> list[str]:
    """Return the condition, if there can be any, of the node's rows that runs refused in which it did not succeed."""
    runs = spec.output.discard_runs
    return [all_of([_of_node(spec), is_one_of("_run_id", runs)])] if runs else []


def _of_node(spec: NodeSpec) -> str:
    return f"_node = {text_literal(spec.node)}"


def write_quarantine(job: Job, frames: Sequence[DataFrame], rows: int) -> None:
    """Make the frames the quarantined rows of this run and node, whatever an earlier attempt wrote.

    Rows of former runs that this one writes again leave the quarantine too, as do those of runs in which the node did
    not succeed; rows that were released into what is now taken from the table are held again.

    Args:
        rows: How many rows the frames have; without any, the table is touched only if there may be rows of before.
    """
    spec = job.spec
    of_run = f"_run_id = {text_literal(spec.run_id)}"
    rewritten = [all_of([_of_node(spec), rows_of]) for rows_of in (of_run, *replaced_rows(spec))]
    mine = any_of([*rewritten, *refused_in_vain(spec)])
    if _judges_all(job):
        mine = any_of([mine, open_rows(spec)])
    undone = _undone(spec)
    first = spec.attempt == 1 and undone is None and not _judges_all(job)
    if not rows and (first or not has_quarantine(job)):
        return
    df = reduce(DataFrame.union, frames or [empty_frame(job.spark, QUARANTINE_TYPES)])
    if undone is not None:
        df = df.union(held_again(job, f"({undone}) AND NOT ({mine})"))
        mine = any_of([mine, undone])
    replace_quarantined(job, df, mine)


def replace_quarantined(job: Job, rows: DataFrame, condition: str) -> None:
    """Replace the quarantined rows that meet a condition, in one commit; make the table if there is none.

    Raises:
        UnknownQuarantineLayout: The table has other columns than this version writes.
    """
    uri = job.spec.output.quarantine_uri
    try:
        job.tables.create_if_missing(uri, QUARANTINE_TYPES)
        job.tables.replace_slice(uri, rows, condition, key=job.spec.idempotency_key)
    except PySparkException:
        # Asked only now: a look at the columns before each write would be one more call for every node.
        has_quarantine(job)
        raise


def has_quarantine(job: Job) -> bool:
    """Return whether anything of the dataset was ever refused.

    Raises:
        UnknownQuarantineLayout: What is there has other columns than this version writes.
    """
    uri = job.spec.output.quarantine_uri
    types = job.tables.types(uri)
    if types is None:
        return False
    lacking = [name for name in QUARANTINE_TYPES if name not in types]
    surplus = [name for name in types if name not in QUARANTINE_TYPES]
    if lacking or surplus:
        raise UnknownQuarantineLayout(uri, lacking, surplus)
    return True


def held_again(job: Job, condition: str) -> DataFrame:
    """Return the rows of the quarantine that meet a condition, as held ones."""
    # The run that has ended a row in vain stays on it, so that the row is found again by it.
    names = (f"{text_literal(HELD)} AS _state" if name == "_state" else name for name in QUARANTINE_TYPES)
    return job.tables.read(job.spec.output.quarantine_uri).where(condition).selectExpr(*names)


def _judges_all(job: Job) -> bool:
    """Return whether the node judges all rows that it can have refused before, and not only new ones."""
    spec = job.spec
    rebuilds = spec.held is not None and spec.held.act is HeldAct.REBUILD
    return rebuilds or spec.output.write.mode is WriteMode.OVERWRITE or job.findings.starts_anew


def _undone(spec: NodeSpec) -> str | None:
    """Return the condition of rows that were released into what this write takes from the table again."""
    conditions = replaced_rows(spec, run_column="_ended_run")
    if spec.output.discard_runs:
        conditions.append(is_one_of("_ended_run", spec.output.discard_runs))
    return all_of([_of_node(spec), any_of(conditions)]) if conditions else None
