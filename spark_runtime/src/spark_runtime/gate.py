"""What may stop a node after its rows were read and tested: rules of severity ``fail``, and limits on refused rows."""

from collections.abc import Iterator, Sequence

from spark_runtime.errors import QualityGateClosed, TooManyRefused
from spark_runtime.job import Job
from spark_runtime.result import Limit, RuleResult, Stop
from spark_runtime.rule_spec import Rule, Severity
from spark_runtime.table_rules import TableVerdict


def pass_gate(job: Job, verdicts: Sequence[TableVerdict], refused: int) -> None:
    """Note every limit that the rows exceed, and stop if there is one.

    Args:
        verdicts: What rules on the whole table say.
        refused: Rows that are to be quarantined.

    Raises:
        QualityGateClosed: A rule of severity ``fail`` refused rows or the table.
        TooManyRefused: More rows were refused than the dataset or a rule allows.
    """
    closed = tuple(_closed(job.findings.rules, verdicts))
    exceeded = (*_of_rules(job), *_of_dataset(job, refused))
    job.findings.stopped_by = (*closed, *exceeded)
    name = job.spec.output.name
    if closed:
        raise QualityGateClosed(
            f"{name}: {_told(closed)}. Nothing was published; correct the data, or the rule, and rerun."
        )
    if exceeded:
        raise TooManyRefused(
            f"{name}: {_told(exceeded)}. Nothing was published; correct the data, or raise the limit, and rerun."
        )


def _told(stops: Sequence[Stop]) -> str:
    return "; ".join(stop.message for stop in stops)


def _closed(rules: Sequence[RuleResult], verdicts: Sequence[TableVerdict]) -> Iterator[Stop]:
    of_tables = {verdict.result: verdict.stop for verdict in verdicts}
    for rule in rules:
        if rule.severity is Severity.FAIL and rule.rows_failed:
            told = f"{rule.name} refused {rule.rows_failed} of {rule.rows_checked} rows"
            yield of_tables.get(rule) or Stop(rule.name, Limit.SEVERITY, rule.rows_failed, 0, told)


def _of_rules(job: Job) -> Iterator[Stop]:
    limits = {rule.name: rule for rule in job.spec.rules}
    for found in job.findings.rules:
        # Repaired rows came as wrong as the others.
        failed = found.rows_failed + (found.rows_corrected or 0)
        stop = _of_rule(limits[found.name], failed, found.rows_checked) if found.name in limits else None
        if stop is not None:
            yield stop


def _of_rule(rule: Rule, failed: int, checked: int) -> Stop | None:
    most, share = rule.max_failed_rows, failed / max(checked, 1)
    told = f"{rule.name} failed for {failed} of {checked} rows"
    if most is not None and failed > most:
        return Stop(rule.name, Limit.MAX_FAILED_ROWS, failed, most, f"{told}, and {most} may")
    most_share = rule.max_failed_share
    if most_share is not None and share > most_share:
        told = f"{told} ({share:.2%}), and {most_share:.2%} may"
        return Stop(rule.name, Limit.MAX_FAILED_SHARE, share, most_share, told)
    return None


def _of_dataset(job: Job, refused: int) -> Iterator[Stop]:
    most, rows = job.spec.output.max_quarantined_share, job.findings.rows_read
    if most is not None and rows and refused / rows > most:
        told = f"{refused} of {rows} rows were refused ({refused / rows:.2%}), and {most:.2%} may be"
        yield Stop(None, Limit.MAX_QUARANTINED_SHARE, refused / rows, most, told)
