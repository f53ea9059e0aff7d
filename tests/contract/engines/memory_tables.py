"""Tables in the memory of a test: what an engine without Delta is given, and what makes small cases cheap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession, functions
from pyspark.sql.types import StructType

from spark_runtime.casts import canonical_type
from spark_runtime.empty_frames import empty_frame
from spark_runtime.sql import quoted
from spark_runtime.tables import Action, Commit, LoggedCommit, MergeClause, When


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of a table, and what a log would say of the commit that made it.

    Attributes:
        written: Rows that the commit wrote, ``None`` if nobody counted them.
        changes_rows: Whether it added rows or took some away.
    """

    rows: DataFrame
    key: str = ""
    condition: str = ""
    written: int | None = None
    changes_rows: bool = True


@dataclass
class MemoryTables:
    """Rows by address, as ``spark_runtime.tables.Tables`` asks for them; each write is a new version."""

    spark: SparkSession
    _versions: dict[str, list[_Version]] = field(default_factory=dict)
    _collected: dict[str, tuple[list[Any], StructType]] = field(default_factory=dict)

    def put(self, uri: str, rows: DataFrame) -> None:
        """Make a frame a table as it is, without running it."""
        self._add(uri, _Version(rows))

    def read(self, uri: str, *, version: int | None = None) -> DataFrame:
        return self._versions[uri][-1 if version is None else version].rows

    def open(self, uri: str, *, version: int | None = None, fixed: bool = False) -> DataFrame:
        return self.read(uri, version=version)

    def collected(self, uri: str) -> tuple[list[Any], StructType]:
        """Return the rows of the newest version, which were written once already."""
        return self._collected[uri]

    def types(self, uri: str) -> dict[str, str] | None:
        if uri not in self._versions:
            return None
        fields = self.read(uri).schema.fields
        return {field.name: canonical_type(field.dataType.simpleString()) for field in fields}

    def create_if_missing(self, uri: str, types: Mapping[str, str]) -> None:
        if uri not in self._versions:
            self._add(uri, _Version(empty_frame(self.spark, types), changes_rows=False))

    def add_columns(self, uri: str, types: Mapping[str, str]) -> None:
        added = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
        self._add(uri, _Version(self.read(uri).selectExpr("*", *added), changes_rows=False))

    def overwrite(self, uri: str, rows: DataFrame, types: Mapping[str, str], *, key: str) -> None:
        self._keep(uri, rows, key)

    def replace_slice(self, uri: str, rows: DataFrame, condition: str, *, key: str) -> None:
        old = self.read(uri)
        others = old.where(f"NOT coalesce(({condition}), false)")
        self._keep(uri, others.unionByName(rows), key, condition=condition, written=rows.count())

    def merge(
        self, uri: str, source: Callable[[], str], condition: str, clauses: Sequence[MergeClause]
    ) -> None:
        target = self.read(uri)
        names = target.columns
        left = target.selectExpr(f"struct({', '.join(map(quoted, names))}) AS target")
        right = self.spark.table(source()).selectExpr("*")
        right = right.selectExpr(f"struct({', '.join(map(quoted, right.columns))}) AS source")
        joined = left.join(right, on=functions.expr(condition), how="full")
        chosen, values = _decided(clauses, names)
        rows = joined.selectExpr(f"{chosen} AS _does", "target", "source").where("_does <> -2")
        self._keep(uri, rows.selectExpr(*(f"{values[name]} AS {quoted(name)}" for name in names)), "")

    def find_commit(self, uri: str, key: str) -> Commit | None:
        versions = self._versions[uri]
        newest = len(versions) - 1
        at = max((at for at, version in enumerate(versions) if version.key == key), default=newest)
        return Commit(at, versions[at].written)

    def commits(self, uri: str, first: int, last: int) -> tuple[LoggedCommit, ...]:
        return tuple(
            LoggedCommit(at, f"moment {at}", version.key, version.condition, version.changes_rows)
            for at, version in enumerate(self._versions[uri])
            if first <= at <= last
        )

    def _keep(
        self, uri: str, table: DataFrame, key: str, *, condition: str = "", written: int | None = None
    ) -> None:
        rows: list[Any] = table.collect()
        frame = self.spark.createDataFrame(rows, table.schema) if rows else table.where("false")
        self._collected[uri] = (rows, table.schema)
        self._add(uri, _Version(frame, key, condition, len(rows) if written is None else written))

    def _add(self, uri: str, version: _Version) -> None:
        self._versions.setdefault(uri, []).append(version)


def _decided(clauses: Sequence[MergeClause], names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return SQL of the number of the clause that decides (-1 keeps the row, -2 drops it), and of each column."""
    known = {
        When.MATCHED: "target IS NOT NULL AND source IS NOT NULL",
        When.NOT_MATCHED: "target IS NULL",
        When.NOT_MATCHED_BY_SOURCE: "source IS NULL",
    }
    cases = []
    assigned: dict[str, list[str]] = {name: [] for name in names}
    for at, clause in enumerate(clauses):
        applies = known[clause.when] + (f" AND ({clause.condition})" if clause.condition else "")
        cases.append(f"WHEN {applies} THEN {-2 if clause.action is Action.DELETE else at}")
        given = None if clause.values is None else {n.casefold(): v for n, v in clause.values.items()}
        for name in names:
            if given is None:
                value = f"source.{quoted(name)}"
            elif name.casefold() in given:
                value = given[name.casefold()]
            else:
                value = f"target.{quoted(name)}" if clause.action is Action.UPDATE else "NULL"
            assigned[name].append(f"WHEN _does = {at} THEN {value}")
    chosen = f"CASE {' '.join(cases)} WHEN target IS NULL THEN -2 ELSE -1 END"
    return chosen, {name: f"CASE {' '.join(assigned[name])} ELSE target.{quoted(name)} END" for name in names}
