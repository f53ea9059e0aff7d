"""The end of every node: gate, quarantine, publish, and account for each row.

The quarantine is written first. A job that dies between the two commits is tried again, replaces its own slice of
the quarantine and then publishes: no row is lost, none is there twice, and no reader has met a row that was refused.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame

from spark_runtime.errors import RowsUnaccounted
from spark_runtime.gate import pass_gate
from spark_runtime.held_rows import released_from, write_judged
from spark_runtime.job import Job, log
from spark_runtime.quarantine import quarantine_rows, write_quarantine
from spark_runtime.repairs import CORRECTIONS, CORRECTIONS_TYPE, FIXES
from spark_runtime.result import OutputResult
from spark_runtime.sql import quoted
from spark_runtime.staged import Staged
from spark_runtime.table_rules import TableVerdict
from spark_runtime.tally import Tally
from spark_runtime.write import Publication, publish


def publish_staged(
    job: Job,
    staged: Staged,
    tally: Tally,
    verdicts: Sequence[TableVerdict] = (),
    *,
    refused_before: Sequence[tuple[Staged, Tally]],
    extra: Mapping[str, str],
    extra_types: Mapping[str, str],
) -> None:
    """Publish the valid rows and quarantine the others.

    Args:
        staged: The rows to be published or refused.
        verdicts: What rules on the whole table say of the valid rows.
        refused_before: Stagings in the middle of the steps, of which only the refused rows still count.
        extra: Further columns to write, by name, as SQL over staged rows.
        extra_types: Their types.

    Raises:
        QualityGateClosed: A rule of severity ``fail`` refused rows or the table; nothing is written.
        TooManyRefused: More rows were refused than the dataset or a rule allows; nothing is written.
        RowsUnaccounted: The table did not take what was staged.
    """
    findings = job.findings
    findings.rules = (
        *(rule for _, before in refused_before for rule in before.rules),
        *tally.rules,
        *(verdict.result for verdict in verdicts),
    )
    refused = tally.refused + sum(before.refused for _, before in refused_before)
    findings.rows_read = tally.valid + refused
    held = job.spec.held if job.spec.releases else None
    if held is None:
        pass_gate(job, verdicts, refused)
    with findings.phase("write"):
        if held is None:
            frames = [quarantine_rows(job, staged, rejected=tally.rejected)]
            frames += [quarantine_rows(job, before) for before, _ in refused_before]
            write_quarantine(job, frames, refused)
        else:
            findings.released = released_from(staged)
            write_judged(job, held, staged)
        findings.rows_quarantined = refused

        warnings = staged.warnings()
        columns = {name: quoted(name) for name in staged.types}
        types = dict(staged.types)
        if warnings is not None:
            columns["_warnings"], types["_warnings"] = warnings, "array<string>"
        if FIXES in staged.neutral:
            columns[CORRECTIONS], types[CORRECTIONS] = FIXES, CORRECTIONS_TYPE
        columns |= extra
        types |= extra_types
        valid = staged.valid_rows(rejected=tally.rejected)
        rows = valid.selectExpr(*(f"{value} AS {quoted(name)}" for name, value in columns.items()))
        done = publish(job, rows, types)
        _require_rows(job, done, tally.valid)
    findings.rows_published = tally.valid
    _note_output(job, done)


def publish_directly(job: Job, df: DataFrame, types: Mapping[str, str]) -> None:
    """Publish rows that no test can refuse, in one pass; tests of before may have refused some of them."""
    findings = job.findings
    with findings.phase("write"):
        write_quarantine(job, [], 0)
        done = publish(job, df, types)
        rows = done.written_rows
        findings.rows_published = _count_published(job, done, done.rows or "true") if rows is None else rows
    findings.rows_read = findings.rows_published
    _note_output(job, done)


def _note_output(job: Job, done: Publication) -> None:
    output = job.spec.output
    version = done.commit.version if done.commit is not None else None
    job.findings.output = OutputResult(output.name, output.uri, version, tuple(done.types.items()))
    log.info(
        "published %d rows to %s (version %s), quarantined %d",
        job.findings.rows_published,
        output.name,
        version,
        job.findings.rows_quarantined,
    )


def _require_rows(job: Job, done: Publication, expected: int) -> None:
    """Compare what the commit wrote with what was staged; a merge is the engine's own business."""
    if done.rows is None or (done.commit is not None and done.commit.output_rows == expected):
        return
    # Replacing a slice may rewrite other rows that share a file; then the table itself has to be asked.
    found = _count_published(job, done, done.rows)
    if found != expected:
        raise RowsUnaccounted(
            f"{job.spec.output.name}: {expected} rows were to be published and {found} are in the table. "
            "Rerun the node: it replaces what this attempt wrote."
        )


def _count_published(job: Job, done: Publication, condition: str) -> int:
    version = None if done.commit is None else done.commit.version
    return job.tables.read(job.spec.output.uri, version=version).where(condition).count()
