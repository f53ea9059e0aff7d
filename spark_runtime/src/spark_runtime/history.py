"""Keyed writes that know which of two rows is newer: merge with an order, scd1 and scd2.

What such a table holds follows from the set of rows it was ever given, not from when they came: rows may come late,
again, in any order and in any portions. So that this is so, a second table beside it, below ``_history``, keeps
the rows that readers do not see and that a late row may need: delete markers, and (for scd2) rows that change
nothing. It is written first; a job that dies between the two commits is repeated and finds there what it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame

from spark_runtime.errors import ColumnMismatch
from spark_runtime.frame import find_name
from spark_runtime.job import Job
from spark_runtime.sql import all_of, quoted, same_values, unquoted
from spark_runtime.table_columns import require_column, require_same_columns
from spark_runtime.tables import Action, MergeClause, When
from spark_runtime.write_spec import WriteMode

_GONE = "_lf_gone"
_REMOVE = "_lf_remove"


def history_types(job: Job, types: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of the table of a keyed write: those of the rows, and for scd2 the period they hold.

    Raises:
        ColumnMismatch: The rows have a column of that name already.
    """
    write = job.spec.output.write
    if write.mode is not WriteMode.SCD2:
        return dict(types)
    moment = types[_order_column(job, types)]
    period = {write.valid_from: moment, write.valid_to: moment, write.is_current: "boolean"}
    taken = [name for name in period if find_name(name, types) is not None]
    if taken:
        raise ColumnMismatch(
            f"{job.spec.output.name}: scd2 adds {', '.join(taken)}, and the steps yield such a column already. "
            "Give one of the two another name."
        )
    return dict(types) | period


def write_history(job: Job, df: DataFrame, types: Mapping[str, str]) -> None:
    """Bring rows into the table.

    Args:
        df: Rows that lie staged; they are read several times. ``order_by`` is null in none of them.
        types: Their columns.

    Raises:
        ColumnMismatch: The table has other columns, or one of them is a map.
        CommitConflict: Other writers won every time.
    """
    maps = [name for name, kind in types.items() if "map<" in kind]
    if maps:
        raise ColumnMismatch(
            f"{job.spec.output.name}: {', '.join(maps)} is a map, and maps cannot be compared. Drop it, or turn it "
            "into map_entries(…)."
        )
    write, uri = job.spec.output.write, job.spec.output.uri
    shape = _shape(job, types)
    require_same_columns(job, uri, history_types(job, types))
    marked = df.selectExpr(*shape.columns, f"coalesce(({write.delete_when or 'false'}), false) AS {_GONE}")
    history = _History(job, shape, marked, uri, _hidden_uri(uri) if _hides(job) else None)
    if history.hidden_uri is not None:
        require_same_columns(job, history.hidden_uri, dict(types) | {_GONE: "boolean"})
        history.hide(history.hidden_uri)
    history.show()


def _hides(job: Job) -> bool:
    """Return whether the table has rows that readers do not see."""
    write = job.spec.output.write
    return write.mode is WriteMode.SCD2 or write.delete_when is not None


def _hidden_uri(uri: str) -> str:
    folder, _, name = uri.rpartition("/")
    return f"{folder}/_history/{name}"


@dataclass(frozen=True, slots=True)
class _Shape:
    """The columns of a history, quoted.

    Attributes:
        columns: Those of the rows as they are given, in order.
        values: Those of them that are neither key nor order.
        period: Where versions are kept: the columns of their begin, their end, and whether they are current.
        types: Types of all of these.
    """

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    order: str
    values: tuple[str, ...]
    period: tuple[str, str, str] | None
    types: Mapping[str, str]

    def same(self, columns: Sequence[str], left: str, right: str) -> str:
        """Return the condition that rows of two sides have the same values, nulls included."""
        return same_values({column: self.types[column] for column in columns}, left, right)

    @property
    def by_key(self) -> str:
        return f"PARTITION BY {', '.join(self.keys)}"

    @property
    def ties(self) -> str:
        """ORDER BY terms: of two rows of one moment a delete marker wins, else the larger values."""
        return ", ".join([f"{_GONE} DESC", *(f"{column} DESC NULLS LAST" for column in self.values)])


def _shape(job: Job, types: Mapping[str, str]) -> _Shape:
    write = job.spec.output.write
    keys = [require_column(job, key, types, "to find rows again by") for key in write.keys]
    order = _order_column(job, types)
    period = tuple(map(quoted, (write.valid_from, write.valid_to, write.is_current)))
    return _Shape(
        columns=tuple(map(quoted, types)),
        keys=tuple(map(quoted, keys)),
        order=quoted(order),
        values=tuple(quoted(name) for name in types if name not in {*keys, order}),
        period=(period[0], period[1], period[2]) if write.mode is WriteMode.SCD2 else None,
        types={quoted(name): kind for name, kind in history_types(job, types).items()},
    )


def _order_column(job: Job, types: Mapping[str, str]) -> str:
    return require_column(job, job.spec.output.write.order_by or "", types, "to order by")


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """What becomes of all that is known of some keys.

    Attributes:
        shown: Rows of the table, with its columns.
        hidden: Rows that readers do not see, with the columns as given and ``_lf_gone``.
    """

    shown: DataFrame
    hidden: DataFrame


@dataclass(frozen=True, slots=True)
class _History:
    """One write. All rows are looked up anew when a commit is tried again, since another writer came between.

    Attributes:
        marked: The rows to bring in, with ``_lf_gone``.
        hidden_uri: The table of rows that readers do not see, if there are such.
    """

    job: Job
    shape: _Shape
    marked: DataFrame
    uri: str
    hidden_uri: str | None

    def hide(self, uri: str) -> None:
        """Add rows to those that readers do not see; none is ever taken away, so nothing is forgotten half-way."""
        columns = (*self.shape.columns, _GONE)
        identity = (*self.shape.keys, self.shape.order)
        clauses = (
            _update(columns, identity),
            MergeClause(When.NOT_MATCHED, Action.INSERT, values=_values(columns)),
        )
        views = self.job.views
        self.job.tables.merge(
            uri, lambda: views.register(self._rewritten().hidden), _matching(identity), clauses
        )

    def show(self) -> None:
        """Make the table hold what it has to for the keys that the rows are about."""
        columns = self.shape.columns + (self.shape.period or ())
        identity = (*self.shape.keys, *(self.shape.period or ())[:1])
        clauses = (
            MergeClause(When.MATCHED, Action.DELETE, f"source.{_REMOVE}"),
            _update(columns, identity),
            MergeClause(When.NOT_MATCHED, Action.INSERT, f"NOT source.{_REMOVE}", _values(columns)),
        )
        self.job.tables.merge(
            self.uri, lambda: self._changes(columns, identity), _matching(identity), clauses
        )

    def _changes(self, columns: Sequence[str], identity: Sequence[str]) -> str:
        """Return a view of the rows to be shown, and of those that are there and are not to be, marked so."""
        shown = self.job.views.register(self._rewritten().shown)
        there = self.job.views.register(self._of_keys(self.uri, columns))
        same = self.shape.same(identity, "there", "shown")
        extra = self.job.spark.sql(
            f"SELECT there.* FROM {there} AS there LEFT ANTI JOIN {shown} AS shown ON {same}"  # noqa: S608
        )
        rows = self.job.spark.table(shown).selectExpr(*columns, f"false AS {_REMOVE}")
        return self.job.views.register(rows.union(extra.selectExpr(*columns, f"true AS {_REMOVE}")))

    def _rewritten(self) -> _Rewritten:
        shape = self.shape
        rows = self.marked.union(self._of_keys(self.uri, shape.columns).selectExpr("*", f"false AS {_GONE}"))
        if self.hidden_uri is not None:
            rows = rows.union(self._of_keys(self.hidden_uri, (*shape.columns, _GONE)))
        return _latest(shape, rows) if shape.period is None else _versions(shape, shape.period, rows)

    def _of_keys(self, uri: str, columns: Sequence[str]) -> DataFrame:
        """Return the rows of a table whose keys the rows to bring in have."""
        keys = self.job.views.register(self.marked.selectExpr(*self.shape.keys).distinct())
        there = self.job.views.register(self.job.tables.read(uri).selectExpr(*columns))
        same = self.shape.same(self.shape.keys, "there", "wanted")
        return self.job.spark.sql(
            f"SELECT there.* FROM {there} AS there LEFT SEMI JOIN {keys} AS wanted ON {same}"  # noqa: S608
        )


def _matching(identity: Sequence[str]) -> str:
    return " AND ".join(f"target.{column} <=> source.{column}" for column in identity)


def _values(columns: Sequence[str]) -> dict[str, str]:
    """Return the source's values by column; ``columns`` are quoted."""
    return {unquoted(column): f"source.{column}" for column in columns}


def _update(columns: Sequence[str], identity: Sequence[str]) -> MergeClause:
    # Files in which nothing changes are not written again, so that a repeated write costs a look.
    updated = [column for column in columns if column not in identity]
    same = all_of([f"target.{column} <=> source.{column}" for column in updated])
    return MergeClause(When.MATCHED, Action.UPDATE, f"NOT ({same})", _values(updated))


def _latest(shape: _Shape, rows: DataFrame) -> _Rewritten:
    """Keep the newest row of each key."""
    number = f"row_number() OVER ({shape.by_key} ORDER BY {shape.order} DESC, {shape.ties}) AS _lf_number"
    last = rows.selectExpr("*", number).where("_lf_number = 1")
    return _Rewritten(
        shown=last.where(f"NOT {_GONE}").selectExpr(*shape.columns),
        hidden=last.where(_GONE).selectExpr(*shape.columns, _GONE),
    )


def _versions(shape: _Shape, period: tuple[str, str, str], rows: DataFrame) -> _Rewritten:
    """Keep every row that changes something, until the next one that does."""
    moment = f"PARTITION BY {', '.join((*shape.keys, shape.order))} ORDER BY {shape.ties}"
    once = rows.selectExpr("*", f"row_number() OVER ({moment}) AS _lf_number").where("_lf_number = 1")
    over = f"OVER ({shape.by_key} ORDER BY {shape.order})"
    before = [f"lag({column}) {over} AS _lf_v{at}" for at, column in enumerate(shape.values)]
    beside = once.selectExpr("*", f"lag({_GONE}) {over} AS _lf_gone_before", *before)
    same = [f"{column} <=> _lf_v{at}" for at, column in enumerate(shape.values)]
    unchanged = all_of([f"NOT {_GONE}", "NOT coalesce(_lf_gone_before, true)", *same])
    told = beside.selectExpr(*shape.columns, _GONE, f"({unchanged}) AS _lf_unchanged")
    changes = told.where("NOT _lf_unchanged").selectExpr("*", f"lead({shape.order}) {over} AS _lf_until")
    valid_from, valid_to, is_current = period
    return _Rewritten(
        shown=changes.where(f"NOT {_GONE}").selectExpr(
            *shape.columns,
            f"{shape.order} AS {valid_from}",
            f"_lf_until AS {valid_to}",
            f"_lf_until IS NULL AS {is_current}",
        ),
        hidden=told.where(f"{_GONE} OR _lf_unchanged").selectExpr(*shape.columns, _GONE),
    )
