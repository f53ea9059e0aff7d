"""What is new in a table since a node last built from it, or why that cannot be told.

A row is new if the run that wrote it has only written since. So an input must be a table to which runs append: each
commit since then has to be one that replaced the slice of its run, and none of these runs may have had rows before.
Whatever else happened to the table, the node reads all of it and says why.
"""

import re
from collections.abc import Sequence

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from spark_runtime.frame import Frame, find_name
from spark_runtime.input_spec import TableInput
from spark_runtime.job import Job
from spark_runtime.load_spec import Load, TableState
from spark_runtime.result import LoadMode, LoadResult
from spark_runtime.slices import RUN_COLUMN
from spark_runtime.sql import any_of, quoted, same_values, text_literal
from spark_runtime.tables import LoggedCommit

# Run ids in the condition of a slice, however an engine writes it down.
_RUN_IN_CONDITION = re.compile(rf"{RUN_COLUMN}[`)#\d\s]*=[\s(]*'?([^\s')]+)")
# Beyond it, reading the log takes longer than reading the table.
_MOST_COMMITS = 1_000


class _NotToBeTold(Exception):
    """What is new cannot be told; the message says why."""


def read_increment(job: Job, load: Load, item: TableInput, whole: Frame) -> tuple[Frame, LoadResult]:
    """Return the rows of the first input that an incremental node has to read.

    Args:
        whole: All rows of the input.

    Raises:
        StepRefused: A column of ``groups`` or ``restate`` is not there.
    """
    if load.since is None:
        return whole, LoadResult(LoadMode.FULL, load.reason)
    try:
        runs = _new_runs(job, load.since, item, whole)
    except _NotToBeTold as why:
        return whole, LoadResult(LoadMode.FULL, str(why))
    wanted = [
        f"({RUN_COLUMN} IS NOT NULL AND {RUN_COLUMN} IN ({', '.join(map(text_literal, runs))}))"
    ] * bool(runs)
    if load.restate is not None:
        wanted += _restated(whole, load.restate.column, load.restate.days)
    rows = whole.df.where(any_of(wanted) or "false")
    if load.groups:
        rows = _with_groups(job, whole, rows, load.groups)
    since = f"since version {load.since.version} of {item.name}"
    return Frame(rows, whole.columns), LoadResult(LoadMode.INCREMENTAL, since)


def table_state(job: Job, item: TableInput) -> TableState | None:
    """Return what a node reads of an input, as far as it can be told; to be compared when it runs again."""
    if item.version is None:
        return None
    logged = job.tables.commits(item.uri, item.version, item.version)
    return TableState(item.version, logged[0].stamp) if logged and logged[0].stamp else None


def _new_runs(job: Job, since: TableState, item: TableInput, whole: Frame) -> Sequence[str]:
    """Return the runs all of whose rows are new."""
    if item.version is None:
        raise _NotToBeTold(f"nobody knows which version of {item.name} is to be read")
    if find_name(RUN_COLUMN, whole.columns) is None:
        raise _NotToBeTold(f"{item.name} does not tell the rows of runs apart")
    if not since.version <= item.version < since.version + _MOST_COMMITS:
        raise _NotToBeTold(
            f"version {since.version} of {item.name} is not shortly before version {item.version}"
        )
    logged = job.tables.commits(item.uri, since.version, item.version)
    if len(logged) != item.version - since.version + 1:
        raise _NotToBeTold(f"the log of {item.name} no longer reaches back to version {since.version}")
    if logged[0].stamp != since.stamp:
        raise _NotToBeTold(f"another table has taken the place of {item.name}")
    commits = [commit for commit in logged[1:] if commit.changes_rows]
    runs = list(dict.fromkeys(_appended_run(item, commit) for commit in commits))
    # A commit may also take rows of former runs away, whose files it takes in again.
    replaced = dict.fromkeys(run for commit in commits for run in _RUN_IN_CONDITION.findall(commit.condition))
    if runs and _had_rows_of(job, since, item, list({**dict.fromkeys(runs), **replaced})):
        raise _NotToBeTold(f"rows of {item.name} that were built from have been written again or taken away")
    return runs


def _appended_run(item: TableInput, commit: LoggedCommit) -> str:
    """Return the run whose slice a commit replaced."""
    run = commit.key.partition("/")[0]
    if not run or RUN_COLUMN not in commit.condition:
        raise _NotToBeTold(f"{item.name} was changed in version {commit.version}, and not by adding rows")
    return run


def _had_rows_of(job: Job, since: TableState, item: TableInput, runs: Sequence[str]) -> bool:
    listed = ", ".join(map(text_literal, runs))
    try:
        before = job.tables.read(item.uri, version=since.version)
        return bool(before.where(f"{RUN_COLUMN} IN ({listed})").limit(1).collect())
    except PySparkException as error:
        raise _NotToBeTold(f"version {since.version} of {item.name} can no longer be read") from error


def _restated(whole: Frame, name: str, days: int) -> list[str]:
    """Return the condition of the rows of the last days before the newest value; none if there is no value."""
    column = quoted(whole.find(name, where="restate"))
    newest = whole.df.selectExpr(
        f"CAST(date_sub(CAST(max({column}) AS date), {days}) AS string) AS first"
    ).collect()
    first = newest[0][0] if newest else None
    return [] if first is None else [f"({column} IS NOT NULL AND {column} >= DATE{text_literal(first)})"]


def _with_groups(job: Job, whole: Frame, rows: DataFrame, groups: Sequence[str]) -> DataFrame:
    """Return all rows of the groups that some rows belong to; nulls are one group."""
    types, found = whole.types(), [whole.find(name, where="groups") for name in groups]
    columns = {quoted(name): types[name] for name in found}
    there, touched = job.views.register(whole.df), job.views.register(rows.selectExpr(*columns).distinct())
    same = same_values(columns, "there", "touched")
    return job.spark.sql(
        f"SELECT there.* FROM {there} AS there LEFT SEMI JOIN {touched} AS touched ON {same}"  # noqa: S608
    )
