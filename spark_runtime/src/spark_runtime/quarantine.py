"""The quarantine table: rows that a test refused, with the reasons, one schema for all datasets."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from spark_runtime.job import Job
from spark_runtime.row_json import row_as_json
from spark_runtime.slices import replaced_rows
from spark_runtime.sql import all_of, any_of, literal, quoted, text_literal, timestamp_literal
from spark_runtime.staging import REFUSING, UNREADABLE, Staged
from spark_runtime.verdict import failed_names

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
}


def quarantine_rows(job: Job, staged: Staged, *, rejected: Sequence[int] = ()) -> DataFrame:
    """Return the refused rows of a staging in the columns of the quarantine table.

    ``_line`` is the line of the file, for formats without lines the number of the record. ``_row`` is the row as JSON,
    or as it stands in the file if it could not be parsed. ``_rules`` are those that refused the row, ``_rule_versions``
    their versions in the same order (empty for a built-in test), ``_warnings`` the rules that only flag.
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
    row = row_as_json([(name, quoted(name), kind) for name, kind in staged.types.items()])
    return staged.refused_rows(rejected=rejected).selectExpr(
        f"{literal(spec.run_id)} AS _run_id",
        f"{literal(spec.node)} AS _node",
        f"{spec.attempt} AS _attempt",
        f"{literal(spec.output.name)} AS _dataset",
        f"{failed_names([(test.failed, test.name) for test in refusing])} AS _rules",
        f"{failed_names([(test.failed, versions.get(test.name, '')) for test in refusing])} AS _rule_versions",
        f"{staged.warnings() or failed_names([])} AS _warnings",
        f"concat_ws('; ', {reasons}) AS _reason",
        f"{staged.source_file} AS _source_file",
        "_lf_line AS _line",
        # A rule on keys refuses rows after the staging, which wrote the JSON of the others.
        f"coalesce(_lf_row, {row}) AS _row",
        f"{timestamp_literal(job.started_at)} AS _quarantined_at",
    )


def write_quarantine(job: Job, frames: Sequence[DataFrame], rows: int) -> None:
    """Make the frames the quarantined rows of this run and node, whatever an earlier attempt wrote.

    Rows of former runs that this one writes again leave the quarantine too.

    Args:
        rows: How many rows the frames have; without any, the table is touched only if there may be rows of before.
    """
    spec = job.spec
    first = spec.attempt == 1 and not spec.output.replaces
    if not rows and (first or job.tables.types(spec.output.quarantine_uri) is None):
        return
    if rows:
        job.tables.create_if_missing(spec.output.quarantine_uri, QUARANTINE_TYPES)
    df = frames[0]
    for frame in frames[1:]:
        df = df.union(frame)
    # Neither column is ever null.
    of_node = f"_node = {text_literal(spec.node)}"
    of_run = f"_run_id = {text_literal(spec.run_id)}"
    mine = any_of([all_of([of_node, rows_of]) for rows_of in (of_run, *replaced_rows(spec))])
    job.tables.replace_slice(spec.output.quarantine_uri, df, mine, key=spec.idempotency_key)
