"""Delta tables by address: reading and writing them, what the last commit says, and trying again after a conflict."""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar
from uuid import uuid4

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_runtime import old_versions
from spark_runtime.casts import canonical_type, is_nested
from spark_runtime.delta_log import commit_texts
from spark_runtime.empty_frames import empty_frame
from spark_runtime.errors import CommitConflict
from spark_runtime.failures import is_commit_conflict, is_missing_table
from spark_runtime.sql import columns_text, quoted, text_literal
from spark_runtime.tables import Action, Commit, LoggedCommit, MergeClause

COMMIT_ATTEMPTS = 5
HISTORY_ROWS = 20
_FRACTIONS = frozenset({"float", "double"})
# Rows come to Sail's writer in batches of so many, and it cuts them into pieces of 1,024 unless told otherwise, which
# takes a fifth of the time of a write.
_IN_WHOLE_BATCHES = {"writeBatchSize": "8192"}

log = logging.getLogger("spark_runtime")
_Outcome = TypeVar("_Outcome")


def table_name(uri: str) -> str:
    """Return the table of an address as SQL takes it."""
    return f"delta.{quoted(uri)}"


class DeltaTables:
    """Delta tables of an engine that has the format; see ``tables.Tables`` for what each method promises."""

    def __init__(self, spark: SparkSession, *, is_sail: bool = False) -> None:
        """Take the engine.

        Args:
            is_sail: It leaves NaN out of the statistics of a file. Where they then tell of one value only, it reads
                that for NaN. So new tables get none of columns that may hold NaN. And it has to be told to write
                batches as they come.
        """
        self._spark = spark
        self._is_sail = is_sail
        self._written = _IN_WHOLE_BATCHES if is_sail else {}
        # Tables that were asked for their columns: as the engine opened them, until they are given others.
        self._opened: dict[str, DataFrame] = {}

    def _options(self, types: Mapping[str, str]) -> dict[str, str]:
        if not self._is_sail:
            return {}
        plain = [name for name, kind in types.items() if _may_be_listed(name, kind)]
        return (
            {"delta.dataSkippingStatsColumns": ",".join(plain)}
            if plain
            else {"delta.dataSkippingNumIndexedCols": "0"}
        )

    def read(self, uri: str, *, version: int | None = None) -> DataFrame:
        if self._is_sail and version is not None:
            return self.open(uri, version=version)
        return self._load(uri, version)

    def _load(self, uri: str, version: int | None) -> DataFrame:
        reader = self._spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(uri)

    def open(self, uri: str, *, version: int | None = None, fixed: bool = False) -> DataFrame:
        if not self._is_sail:
            if fixed and version is None:
                # No commit has this key, so the newest is found.
                commit = self.find_commit(uri, f"none-{uuid4().hex}")
                version = None if commit is None else commit.version
            return self._load(uri, version)
        # Sail reads the log of a table for whatever is asked of a frame, three times over, its columns included. A view
        # stays with the version that was the newest when it was made, and opens nothing again.
        view = f"_lf_open_{uuid4().hex}"
        try:
            self._load(uri, version).createOrReplaceTempView(view)
        except PySparkException as error:
            if version is None or not old_versions.is_not_found(error):
                raise
            rows = old_versions.put_together(self._spark, uri, version)
            if rows is None:
                raise
            rows.createOrReplaceTempView(view)
        return self._spark.table(view)

    def types(self, uri: str) -> dict[str, str] | None:
        try:
            opened = self._opened[uri] if uri in self._opened else self.open(uri)
            fields = opened.schema.fields
        except PySparkException as error:
            if is_missing_table(error):
                return None
            raise
        self._opened[uri] = opened
        return {field.name: canonical_type(field.dataType.simpleString()) for field in fields}

    def create_if_missing(self, uri: str, types: Mapping[str, str]) -> None:
        # Nullable whatever the data: Sail turns a column that happens to have no null into one that must not
        # have any.
        writer = (
            empty_frame(self._spark, types)
            .write.format("delta")
            .mode("ignore")
            .options(**self._options(types))
        )
        retry_conflicts(uri, lambda: writer.save(uri))

    def add_columns(self, uri: str, types: Mapping[str, str]) -> None:
        added = f"ALTER TABLE {table_name(uri)} ADD COLUMNS ({columns_text(types)})"
        try:
            retry_conflicts(uri, lambda: self._spark.sql(added).collect())
        except PySparkException:
            # Sail cannot alter a table, but a merge of no rows gives it the columns of its source.
            self._merge_columns(uri, types)
        finally:
            self._opened.pop(uri, None)

    def _merge_columns(self, uri: str, types: Mapping[str, str]) -> None:
        existing = self.types(uri) or {}
        view = f"_lf_wider_{uuid4().hex}"
        empty_frame(self._spark, {**existing, **types}).createOrReplaceTempView(view)
        key = next(quoted(name) for name, kind in existing.items() if not is_nested(kind))
        wider = (
            f"MERGE WITH SCHEMA EVOLUTION INTO {table_name(uri)} AS target USING {view} AS source "
            f"ON target.{key} = source.{key} WHEN NOT MATCHED THEN INSERT *"
        )
        try:
            retry_conflicts(uri, lambda: self._spark.sql(wider).collect())
        finally:
            self._spark.catalog.dropTempView(view)

    def overwrite(self, uri: str, rows: DataFrame, types: Mapping[str, str], *, key: str) -> None:
        # The same rows with columns that may be null, for Sail writes NOT NULL where it sees none.
        nullable = empty_frame(self._spark, types).union(rows)
        writer = nullable.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        stamped = writer.option("userMetadata", key).options(**self._options(types), **self._written)
        self._opened.pop(uri, None)
        retry_conflicts(uri, lambda: stamped.save(uri))

    def replace_slice(self, uri: str, rows: DataFrame, condition: str, *, key: str) -> None:
        # Sail cannot put array columns of another make beside those of the table; the table's own, empty, lead here.
        own = self._opened[uri] if uri in self._opened else self.read(uri)
        aligned = own.where("false").unionByName(rows)
        writer = aligned.write.format("delta").mode("overwrite")
        stamped = writer.options(replaceWhere=condition, userMetadata=key, **self._written)
        retry_conflicts(uri, lambda: stamped.save(uri))

    def merge(
        self, uri: str, source: Callable[[], str], condition: str, clauses: Sequence[MergeClause]
    ) -> None:
        does = " ".join(map(_clause, clauses))

        def once() -> None:
            self._spark.sql(
                f"MERGE INTO {table_name(uri)} AS target USING {source()} AS source ON {condition} {does}"
            ).collect()

        retry_conflicts(uri, once)

    def commits(self, uri: str, first: int, last: int) -> tuple[LoggedCommit, ...]:
        try:
            found = commit_texts(self._spark, uri, range(first, last + 1))
        except PySparkException as error:
            if is_missing_table(error):
                return ()
            raise
        return tuple(_logged(version, found[version]) for version in sorted(found))

    def find_commit(self, uri: str, key: str) -> Commit | None:
        """Return the newest commit that carries a key as its user metadata, or the newest of all if none does.

        MERGE cannot carry user metadata; the newest commit is then ours as long as a table has one writer. Nor is
        there one where nothing was to be written; whose rows the newest commit wrote is then not known.
        """
        try:
            return _from_history(self._spark, uri, key)
        except PySparkException:
            # Sail has no DESCRIBE HISTORY; the log it writes says the same.
            return _from_log(self._spark, uri, key)


def _may_be_listed(column: str, kind: str) -> bool:
    """Whether a column may stand in the list of those with statistics, which Sail reads as names in ASCII."""
    is_plain_name = column.isascii() and column.isidentifier()
    return is_plain_name and not is_nested(kind) and kind not in _FRACTIONS


def _clause(clause: MergeClause) -> str:
    return (
        f"WHEN {clause.when}"
        + (f" AND {clause.condition}" if clause.condition else "")
        + f" THEN {_does(clause)}"
    )


def _does(clause: MergeClause) -> str:
    if clause.action is Action.DELETE:
        return "DELETE"
    if clause.values is None:
        return "UPDATE SET *" if clause.action is Action.UPDATE else "INSERT *"
    if clause.action is Action.UPDATE:
        return f"UPDATE SET {', '.join(f'{quoted(name)} = {text}' for name, text in clause.values.items())}"
    names, values = ", ".join(map(quoted, clause.values)), ", ".join(clause.values.values())
    return f"INSERT ({names}) VALUES ({values})"  # noqa: S608 - names are quoted, values are the runtime's own


def _from_history(spark: SparkSession, uri: str, key: str) -> Commit | None:
    rows = spark.sql(f"DESCRIBE HISTORY {table_name(uri)} LIMIT {HISTORY_ROWS}").collect()
    if not rows:
        return None
    row = next((row for row in rows if row["userMetadata"] == key), rows[0])
    ours = row["userMetadata"] == key
    return _commit(row["version"], (row["operationMetrics"] or {}) if ours else {})


def _from_log(spark: SparkSession, uri: str, key: str) -> Commit | None:
    """Look at as many commits as a history tells of: a log holds one file per commit, and may hold thousands.

    In one query: Sail reads the files also where only their names are asked for, and asks four times for each that is
    named to it.
    """
    files = spark.read.format("binaryFile").load(f"{uri}/_delta_log/*.json")
    commits = files.select("path", "content").orderBy("path", ascending=False).limit(HISTORY_ROWS)
    ours = f"instr(decode(content, 'UTF-8'), {text_literal(json.dumps(key))})"
    newest = (
        commits.selectExpr("path", "decode(content, 'UTF-8') AS text", f"{ours} > 0 AS ours")
        .orderBy("ours", "path", ascending=False)
        .limit(1)
        .collect()
    )
    if not newest:
        return None
    metrics: Mapping[str, object] = {}
    for line in newest[0]["text"].splitlines():
        if '"commitInfo"' in line:
            metrics = json.loads(line)["commitInfo"].get("operationMetrics", {})
    return _commit(int(PurePosixPath(newest[0]["path"]).stem), metrics if newest[0]["ours"] else {})


def _logged(version: int, text: str) -> LoggedCommit:
    actions = [json.loads(line) for line in text.splitlines() if line.strip()]
    info: Mapping[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    files = [action.get("add") or action.get("remove") for action in actions]
    parameters = info.get("operationParameters", {})
    return LoggedCommit(
        version=version,
        stamp=str(info.get("timestamp", "")),
        key=str(info.get("userMetadata") or ""),
        condition=str(parameters.get("predicate", "")) if info.get("operation") == "WRITE" else "",
        changes_rows=any(file is not None and file.get("dataChange", True) for file in files),
    )


def _commit(version: int, metrics: Mapping[str, object]) -> Commit:
    rows = metrics.get("numOutputRows")
    return Commit(
        version,
        None if rows is None else int(str(rows)),
        removes_files=int(str(metrics.get("numRemovedFiles") or 0)) > 0,
    )


def retry_conflicts(uri: str, write: Callable[[], _Outcome]) -> _Outcome:
    """Call ``write`` until no other writer of the table wins.

    Raises:
        CommitConflict: Others won every time.
    """
    for attempt in range(1, COMMIT_ATTEMPTS + 1):
        try:
            return write()
        except PySparkException as error:
            if not is_commit_conflict(error):
                raise
            if attempt == COMMIT_ATTEMPTS:
                raise CommitConflict(
                    f"{uri}: {COMMIT_ATTEMPTS} writes lost against other writers of the table; let one node write it"
                ) from error
            log.info("another writer of %s was faster; trying again", uri)
        # Spread out, or the same writers would meet again.
        time.sleep(random.uniform(0.5, 1.0) * 0.1 * 2**attempt)  # noqa: S311 - not a secret
    raise AssertionError("unreachable")
