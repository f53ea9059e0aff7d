"""What lies in quarantine, read straight from the lake: how many rows by rule, and the rows themselves."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError

from landfall import addresses
from landfall.errors import LandfallError
from landfall.lake import Lake
from landfall.metadata.catalog import CurrentProduct, get_current_product, list_products
from landfall.metadata.engine import Database
from landfall.metadata.paging import NotACursor, Page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.preview import LakeNotReadable, TableNotWritten, open_table
from landfall.runs.held_rows import Choice, HeldByRule, HeldState, RefusedRow, RowOrder
from landfall.runs.quarantining import HeldRows, acts_in_vain, rows_read
from landfall.settings import Settings

# How the runtime calls the test that a record can be taken apart at all; one that cannot has no fields to judge.
UNREADABLE: Final = "readable_row"

_MOST_ALIKE: Final = 1_000_000
# What the runtime writes of a refused row.
COLUMNS: Final = frozenset(
    (
        *("_run_id", "_node", "_attempt", "_dataset", "_rules", "_rule_versions", "_warnings", "_reason"),
        *("_source_file", "_line", "_row", "_quarantined_at"),
        *("_state", "_ended_run", "_ended_at", "_ended_by", "_ended_reason"),
    )
)


class UnknownQuarantineTable(LandfallError):
    """The quarantine table of a dataset was written by another version, with other columns."""

    code = "LF4104"

    def __init__(self, uri: str, lacking: Iterable[str]) -> None:
        super().__init__(
            f"the quarantine table at {uri} was written by another version of Landfall: it lacks "
            f"{', '.join(lacking)}. On a laptop start afresh: `landfall down`, then delete the folder .landfall. "
            "Elsewhere copy what you still need of its rows and delete the folder of the table; "
            "`landfall files replay` has files judged again whose refused rows went with it."
        )
        self.uri = uri


def list_held(
    database: Database,
    lake: Lake,
    settings: Settings,
    *,
    product: str | None = None,
    dataset: str | None = None,
    scope: Scope = EVERYTHING,
) -> tuple[HeldByRule, ...]:
    """Return what lies in quarantine, by product, dataset and rule.

    Args:
        product: ``domain/name``; ``None`` looks at all.
        dataset: Only this one, of the products that have it.
        scope: Whose products are looked at.

    Raises:
        UnknownProduct: No such product has been applied.
        LakeNotReadable, StorageUnreachable, StorageAccessDenied: The lake cannot be reached or denies access.
    """
    known = [product] if product else [entry.key for entry in database.read(list_products)]
    known = [key for key in known if scope.sees(key.partition("/")[0])]
    found: list[HeldByRule] = []
    for key in known:
        current = database.read(lambda connection, key=key: get_current_product(connection, key))  # type: ignore[misc]
        there = lake.list_quarantines(current.product.domain, current.product.name)
        for name in there:
            if dataset in (None, name):
                found += _of_dataset(database, settings, current, name)
    return tuple(found)


def read_rows(
    database: Database,
    settings: Settings,
    product: str,
    chosen: HeldRows,
    *,
    state: HeldState | None = HeldState.HELD,
    order: RowOrder = RowOrder.OLDEST,
    limit: int = 20,
    cursor: str | None = None,
) -> Page[RefusedRow]:
    """Return a page of the refused rows of a dataset; an empty one if nothing of it was ever refused.

    Args:
        state: Where they stand; ``None`` shows all.
        cursor: The ``following`` of the page before; ``None`` for the first one. What is refused, released or discarded
            meanwhile moves no other row to another page.

    Raises:
        UnknownProduct: No such product has been applied.
        NotACursor: The cursor is none, or of another order.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    place = _read_cursor(order, cursor) if cursor is not None else None
    current = database.read(lambda connection: get_current_product(connection, product))
    table = _open(settings, current, chosen.dataset)
    if table is None:
        return Page(())
    wanted = _condition(chosen)
    if state is not None:
        wanted += f" AND _lf_state = {_text(state)}"
    if place is not None:
        wanted += f" AND {_not_before(order, place)}"
    query = f"({_with_state(database, current)}) AS q WHERE {wanted}"
    # Rows that are alike in all keys are told apart by how many of them were shown, so none falls between two pages.
    shown = place.alike if place is not None else 0
    most = shown + limit + 1
    rows = _page(table, query, order, place, most)
    start = min(shown, _alike(rows, place.values if place is not None else ()))
    rows = rows[start : start + limit + 1]
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        values = _place(rows[-1])
        alike = sum(_place(row) == values for row in rows)
        if place is not None and values == place.values:
            alike += shown
        following = _cursor(order, _Place(values, alike))
    return Page(tuple(map(_row, rows)), following)


# Where a row stands among the others; none of these is ever null.
_KEYS: Final = {
    "_lf_at": "CAST(_quarantined_at AS BIGINT)",
    "_lf_run": "_run_id",
    "_lf_file": "coalesce(_source_file, '')",
    "_lf_line": "coalesce(_line, -1)",
    "_lf_text": "md5(_row)",
}
_KINDS: Final = (int, str, str, int, str)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page ended: the keys of its last row, and how many rows with these keys were shown so far."""

    values: tuple[int | str, ...]
    alike: int


def _page(
    table: DeltaTable, query: str, order: RowOrder, place: _Place | None, most: int
) -> list[dict[str, Any]]:
    """Return the first rows of a query in their order.

    The instants come first, for they are one narrow column: of all the rows that the query finds only those are read
    that were refused within the instants of the page, and files without any are not opened.
    """
    down = " DESC" if order is RowOrder.NEWEST else ""
    instants = _ask(
        table,
        f"SELECT CAST(_quarantined_at AS BIGINT) AS at FROM {query}{_from(order, place)} "  # noqa: S608
        f"ORDER BY at{down} LIMIT {most:d}",
    )
    if not instants:
        return []
    first, last = instants[0]["at"], instants[-1]["at"]
    keys = ", ".join(f"{expression} AS {name}" for name, expression in _KEYS.items())
    return _ask(
        table,
        f"SELECT *, {keys} FROM {query} AND _quarantined_at >= {_micros(min(first, last))} "  # noqa: S608
        f"AND _quarantined_at <= {_micros(max(first, last))} "
        f"ORDER BY {', '.join(name + down for name in _KEYS)} LIMIT {most:d}",
    )


def _place(row: Mapping[str, Any]) -> tuple[int | str, ...]:
    return tuple(row[name] for name in _KEYS)


def _alike(rows: Sequence[Mapping[str, Any]], values: tuple[int | str, ...]) -> int:
    return sum(_place(row) == values for row in rows)


def _cursor(order: RowOrder, place: _Place) -> str:
    text = json.dumps([order, *place.values, place.alike], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(order: RowOrder, cursor: str) -> _Place:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        said, *values, alike = json.loads(text)
    except (binascii.Error, ValueError, TypeError) as error:
        raise NotACursor(cursor) from error
    if said != order or tuple(map(type, (*values, alike))) != (*_KINDS, int):
        raise NotACursor(cursor)
    if (
        any(isinstance(value, int) and abs(value) >= 2**63 for value in values)
        or not 0 < alike <= _MOST_ALIKE
    ):
        raise NotACursor(cursor)
    return _Place(tuple(values), alike)


def _from(order: RowOrder, place: _Place | None) -> str:
    """Return the condition on the plain column by which files are left out that were written before a place."""
    if place is None:
        return ""
    return f" AND _quarantined_at {'<=' if order is RowOrder.NEWEST else '>='} {_micros(place.values[0])}"


def _micros(value: int | str) -> str:
    return f"arrow_cast({value:d}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


def _not_before(order: RowOrder, place: _Place) -> str:
    """Return the condition for rows at a place or behind it."""
    beyond = "<" if order is RowOrder.NEWEST else ">"
    said = [_text(value) if isinstance(value, str) else str(value) for value in place.values]
    condition = "true"
    for key, value in reversed(tuple(zip(_KEYS.values(), said, strict=True))):
        condition = f"({key} {beyond} {value} OR ({key} = {value} AND {condition}))"
    return condition


def count_chosen(database: Database, settings: Settings, product: str, chosen: HeldRows) -> Choice:
    """Return how many held rows a filter is about; nothing is judged.

    Raises:
        UnknownProduct: No such product has been applied.
        LakeNotReadable: The lake cannot be reached or denies access.
    """
    current = database.read(lambda connection: get_current_product(connection, product))
    table = _open(settings, current, chosen.dataset)
    if table is None:
        return Choice(0, 0, {})
    held = (
        f"SELECT * FROM ({_with_state(database, current)}) AS q "  # noqa: S608
        f"WHERE {_condition(chosen)} AND _lf_state = {_text(HeldState.HELD)}"
    )
    (total,) = _ask(
        table,
        "SELECT count(*) AS n, "  # noqa: S608
        f"coalesce(sum(CASE WHEN array_has(_rules, {_text(UNREADABLE)}) THEN 1 ELSE 0 END), 0) AS u FROM ({held}) AS h",
    )
    rules = _ask(
        table,
        f"SELECT rule, count(*) AS n FROM (SELECT unnest(_rules) AS rule FROM ({held}) AS h) AS r "  # noqa: S608
        "GROUP BY rule ORDER BY rule",
    )
    return Choice(int(total["n"]), int(total["u"]), {row["rule"]: int(row["n"]) for row in rules})


def _of_dataset(
    database: Database, settings: Settings, current: CurrentProduct, dataset: str
) -> Iterable[HeldByRule]:
    table = _open(settings, current, dataset)
    if table is None:
        return
    unnested = (
        "SELECT _run_id, _node, _source_file, _quarantined_at, _lf_state, unnest(_rules) AS rule "  # noqa: S608
        f"FROM ({_with_state(database, current)}) AS q"
    )
    groups = _ask(
        table,
        "SELECT rule, _lf_state, _run_id, _node, count(*) AS n, min(_quarantined_at) AS oldest, "  # noqa: S608
        f"max(_quarantined_at) AS newest FROM ({unnested}) AS u GROUP BY rule, _lf_state, _run_id, _node",
    )
    files = _ask(
        table,
        "SELECT rule, count(DISTINCT _source_file) AS n "  # noqa: S608
        f"FROM ({unnested}) AS u WHERE _lf_state = {_text(HeldState.HELD)} GROUP BY rule",
    )
    files_of = {row["rule"]: int(row["n"]) for row in files}
    for rule in sorted({group["rule"] for group in groups}):
        of_rule = [group for group in groups if group["rule"] == rule]
        held = [group for group in of_rule if group["_lf_state"] == HeldState.HELD]
        nodes = {(group["_run_id"], group["_node"]) for group in held}
        rows = sum(int(group["n"]) for group in held)
        read = database.read(lambda connection, nodes=nodes: rows_read(connection, nodes))  # type: ignore[misc]
        yield HeldByRule(
            product=current.product.key,
            dataset=dataset,
            rule=rule,
            rows_held=rows,
            rows_released=_rows_in(of_rule, HeldState.RELEASED),
            rows_discarded=_rows_in(of_rule, HeldState.DISCARDED),
            share=rows / read if read else None,
            oldest_at=min((_instant(group["oldest"]) for group in held), default=None),
            newest_at=max((_instant(group["newest"]) for group in held), default=None),
            runs=len({run_id for run_id, _ in nodes}),
            files=files_of.get(rule, 0),
        )


def _rows_in(groups: Sequence[Mapping[str, Any]], state: HeldState) -> int:
    return sum(int(group["n"]) for group in groups if group["_lf_state"] == state)


def _with_state(database: Database, current: CurrentProduct) -> str:
    """Return SQL of the quarantine with the state that counts: what a run did that came to nothing does not."""
    vain = database.read(lambda connection: acts_in_vain(connection, current.product_id))
    ended = "_state <> 'held'"
    if vain:
        ended += f" AND _ended_run NOT IN ({', '.join(map(_text, vain))})"
    return f"SELECT *, CASE WHEN {ended} THEN _state ELSE 'held' END AS _lf_state FROM quarantine"  # noqa: S608


def _condition(chosen: HeldRows) -> str:
    conditions = ["true"]
    if chosen.runs:
        conditions.append(f"_run_id IN ({', '.join(map(_text, chosen.runs))})")
    if chosen.files:
        ends = (f"ends_with(concat('/', _source_file), {_text('/' + file)})" for file in chosen.files)
        conditions.append(f"_source_file IS NOT NULL AND ({' OR '.join(ends)})")
    if chosen.rules:
        conditions.append(f"array_has_any(_rules, make_array({', '.join(map(_text, chosen.rules))}))")
    return " AND ".join(f"({condition})" for condition in conditions)


def _open(settings: Settings, current: CurrentProduct, dataset: str) -> DeltaTable | None:
    product = current.product
    path = addresses.quarantine_path(product.domain, product.name, dataset)
    uri = addresses.abfss_uri(settings.storage_account, addresses.LAKE, path)
    try:
        table = open_table(settings, uri)
    except TableNotWritten:
        return None
    lacking = COLUMNS - {field.name for field in table.schema().fields}
    if lacking:
        raise UnknownQuarantineTable(uri, sorted(lacking))
    return table


def _ask(table: DeltaTable, query: str) -> list[dict[str, Any]]:
    try:
        answer = QueryBuilder().register("quarantine", table).execute(query).read_all()
    except (OSError, DeltaError) as error:
        raise LakeNotReadable(table.table_uri, str(error).split("\n", 1)[0]) from error
    return [dict(row) for row in answer.to_struct_array().to_pylist()] if answer.num_rows else []


def _row(found: Mapping[str, Any]) -> RefusedRow:
    state = HeldState(found["_lf_state"])
    ended = state is not HeldState.HELD
    return RefusedRow(
        state=state,
        rules=tuple(found["_rules"]),
        rule_versions=tuple(found["_rule_versions"]),
        warnings=tuple(found["_warnings"]),
        reason=found["_reason"],
        source_file=found["_source_file"],
        line=found["_line"],
        run_id=found["_run_id"],
        node=found["_node"],
        attempt=found["_attempt"],
        quarantined_at=_instant(found["_quarantined_at"]),
        row=found["_row"] if UNREADABLE in found["_rules"] else json.loads(found["_row"]),
        ended_run=found["_ended_run"] if ended else None,
        ended_at=_instant(found["_ended_at"]) if ended else None,
        ended_by=found["_ended_by"] if ended else None,
        ended_reason=found["_ended_reason"] if ended else None,
    )


def _instant(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
