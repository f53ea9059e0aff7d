"""Sets of landed files that are taken in together: which set a file belongs to, and whether it is complete.

Every function here needs the product's lease to be held: it keeps two events of one set apart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from landfall.landing.ledger import batches
from landfall.metadata.alarms import AlarmName, clear_alarm, raise_alarm
from landfall.metadata.catalog import CurrentProduct, get_current_product, get_product_key
from landfall.metadata.tables import landed_files, landing_set_files, landing_sets
from landfall.runs.leases import lock_lease
from landfall.runs.states import FileState
from landfall.spec.landing_patterns import CapturedValue, captures_of_folders, match_path
from landfall.spec.model import Dataset, Product
from landfall.wording import counted

_MOST_NAMES = 10


class SetState(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Closing:
    """A file that closes a set: a marker, or a manifest.

    Attributes:
        key: Names the set.
        lists: Whether the file's content lists the names of the set.
    """

    dataset: Dataset
    key: str
    lists: bool


@dataclass(frozen=True, slots=True)
class LandingSet:
    """One set of files.

    Attributes:
        key: The captured values that name it, joined by ``/``; empty where sets follow one another.
        number: Counts the sets of one key from 1.
        closed_at: When its marker or manifest was written.
        expected: The names that its manifest lists.
    """

    set_id: int
    product_id: int
    dataset: str
    key: str
    number: int
    state: SetState
    opened_at: datetime
    deadline_at: datetime | None
    closed_at: datetime | None
    expected: tuple[str, ...] | None


def closings_of(product: Product, path: str) -> tuple[Closing, ...]:
    """Return the sets that a file below the product's folder closes; none for most files."""
    found = []
    for dataset in product.datasets:
        if dataset.complete is None:
            continue
        for pattern, lists in ((dataset.complete.marker, False), (dataset.complete.manifest, True)):
            captured = match_path(pattern, path) if pattern is not None else None
            if captured is not None:
                found.append(Closing(dataset, set_key(dataset, captured), lists))
    return tuple(found)


def set_key(dataset: Dataset, captured: Mapping[str, CapturedValue]) -> str:
    """Return what names the set of a file: the values of its folders."""
    return "/".join(str(captured[item.name]) for item in captures_of_folders(dataset.landing or ""))


def must_wait(
    connection: sa.Connection,
    product_id: int,
    dataset: Dataset,
    captured: Mapping[str, CapturedValue],
    written_at: datetime,
) -> bool:
    """Return whether a file has to wait for the rest of its set.

    A set with a key that was complete once stays complete: what comes later runs by itself. Without a key the next
    file opens the next set, but for one that was written before the last set was closed and whose event comes late.
    """
    if dataset.complete is None:
        return False
    key = set_key(dataset, captured)
    if key:
        latest = _latest(connection, product_id, dataset.name, key)
        return latest is None or latest.state is SetState.OPEN
    closed_at: datetime | None = connection.execute(
        sa.select(sa.func.max(landing_sets.c.ClosedAt)).where(
            landing_sets.c.DataProductID == product_id,
            landing_sets.c.DataSetName == dataset.name,
            landing_sets.c.State == SetState.COMPLETE,
        )
    ).scalar_one()
    return closed_at is None or written_at > closed_at


def add_to_set(
    connection: sa.Connection,
    product_id: int,
    dataset: Dataset,
    captured: Mapping[str, CapturedValue],
    file_id: int,
    *,
    now: datetime,
) -> bool:
    """Add a waiting file to its set, and return whether that made it complete, so that its files are pending."""
    key = set_key(dataset, captured)
    latest = _latest(connection, product_id, dataset.name, key)
    if latest is None or latest.state is SetState.COMPLETE:
        latest = _open(connection, product_id, dataset, key, latest.number + 1 if latest else 1, now)
    connection.execute(sa.insert(landing_set_files).values(LandedFileID=file_id, LandingSetID=latest.set_id))
    return settle_set(connection, dataset, latest, now=now)


def close_set(
    connection: sa.Connection,
    product_id: int,
    closing: Closing,
    *,
    written_at: datetime,
    names: Sequence[str] | None,
    now: datetime,
) -> bool:
    """Take in that a set's marker or manifest has come, and return whether files of it are pending now.

    Args:
        names: What the manifest lists.
    """
    latest = _latest(connection, product_id, closing.dataset.name, closing.key)
    if latest is None or (latest.state is SetState.COMPLETE and not closing.key):
        number = latest.number + 1 if latest else 1
        latest = _open(connection, product_id, closing.dataset, closing.key, number, now)
    if latest.state is SetState.COMPLETE:
        return False
    expected = None if names is None else list(names)
    connection.execute(
        sa.update(landing_sets)
        .where(landing_sets.c.LandingSetID == latest.set_id)
        .values(ClosedAt=written_at, Expected=expected)
    )
    return settle_set(connection, closing.dataset, _get(connection, latest.set_id), now=now)


def settle_set(
    connection: sa.Connection, dataset: Dataset, landing_set: LandingSet, *, now: datetime
) -> bool:
    """Release the files of a set if it is complete; return whether files are pending now."""
    if missing_of(connection, dataset, landing_set):
        return False
    return _complete(connection, dataset, landing_set, now)


def _complete(
    connection: sa.Connection, dataset: Dataset | None, landing_set: LandingSet, now: datetime
) -> bool:
    """End a set and its alarm, and release its files; return whether files are pending now."""
    rows = _waiting(connection, landing_set.set_id)
    late = [
        row.LandedFileID
        for row in rows
        # Without a key, what was written after the marker belongs to the next set.
        if dataset is not None
        and not landing_set.key
        and landing_set.closed_at is not None
        and row.EventTime > landing_set.closed_at
    ]
    connection.execute(
        sa.update(landing_sets)
        .where(landing_sets.c.LandingSetID == landing_set.set_id)
        .values(State=SetState.COMPLETE, CompletedAt=now)
    )
    product = get_product_key(connection, landing_set.product_id)
    clear_alarm(connection, AlarmName.SET_INCOMPLETE, alarm_subject(product, landing_set), now=now)
    if late and dataset is not None:
        following = _open(
            connection, landing_set.product_id, dataset, landing_set.key, landing_set.number + 1, now
        )
        for batch in batches(late):
            connection.execute(
                sa.update(landing_set_files)
                .where(landing_set_files.c.LandedFileID.in_(batch))
                .values(LandingSetID=following.set_id)
            )
    released = [row.LandedFileID for row in rows if row.LandedFileID not in set(late)]
    for batch in batches(released):
        connection.execute(
            sa.update(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch), landed_files.c.State == FileState.WAITING)
            .values(State=FileState.PENDING, Reason=None)
        )
    return bool(released)


def overdue_sets(connection: sa.Connection, *, now: datetime) -> tuple[str, ...]:
    """Return ``domain/name`` of the products with a set that is past its deadline and not complete."""
    rows: Sequence[int] = (
        connection.execute(sa.select(landing_sets.c.DataProductID).where(_is_overdue(now)).distinct())
        .scalars()
        .all()
    )
    return tuple(sorted(get_product_key(connection, product_id) for product_id in rows))


def check_deadlines(connection: sa.Connection, product: str, *, now: datetime) -> tuple[str, ...]:
    """Raise an alarm for every overdue set of a product; return what those raised now say.

    A set that waits for nothing any more, because its dataset changed or its files were replayed, is complete.
    """
    current = get_current_product(connection, product)
    lock_lease(connection, current.product_id, now)
    datasets = {dataset.name: dataset for dataset in current.product.datasets}
    overdue = connection.execute(
        sa.select(landing_sets)
        .where(landing_sets.c.DataProductID == current.product_id, _is_overdue(now))
        .order_by(landing_sets.c.LandingSetID)
    ).all()
    checked = [
        _check_deadline(connection, current, datasets.get(row.DataSetName), _landing_set(row), now)
        for row in overdue
    ]
    return tuple(detail for detail in checked if detail is not None)


def _is_overdue(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(landing_sets.c.State == SetState.OPEN, landing_sets.c.DeadlineAt <= now)


def _check_deadline(
    connection: sa.Connection,
    current: CurrentProduct,
    dataset: Dataset | None,
    landing_set: LandingSet,
    now: datetime,
) -> str | None:
    """Settle or report one overdue set; return what its alarm says if it was raised now."""
    missing = missing_of(connection, dataset, landing_set) if dataset is not None else None
    members = _waiting(connection, landing_set.set_id)
    if dataset is None or missing is None or (not members and landing_set.closed_at is None):
        _complete(connection, dataset, landing_set, now)
        return None
    subject = alarm_subject(current.product.key, landing_set)
    detail = (
        f"{subject} is not complete at its deadline, {landing_set.deadline_at:%Y-%m-%d %H:%M:%S} UTC: "
        f"{missing} did not come; {counted(len(members), 'file waits', 'files wait')}"
    )
    is_new = raise_alarm(
        connection,
        AlarmName.SET_INCOMPLETE,
        product_id=current.product_id,
        subject=subject,
        detail=detail,
        now=now,
    )
    return detail if is_new else None


def alarm_subject(product: str, landing_set: LandingSet) -> str:
    """Return how alarms name a set, for example ``sales/orders.orders_landed 2026-01``."""
    return f"{product}.{landing_set.dataset} {landing_set.key or f'set {landing_set.number}'}"


def missing_of(connection: sa.Connection, dataset: Dataset, landing_set: LandingSet) -> str | None:
    """Return what a set still waits for, in words; ``None`` if it is complete."""
    complete = dataset.complete
    if complete is None:
        return None
    if complete.marker is not None:
        return None if landing_set.closed_at else f"the marker {complete.marker}"
    if complete.count is not None:
        left = complete.count - count_waiting(connection, landing_set.set_id)
        return f"{left} of {counted(complete.count, 'file')}" if left > 0 else None
    if complete.manifest is not None and landing_set.expected is None:
        return f"the manifest {complete.manifest}"
    names = landing_set.expected if complete.manifest is not None else complete.names
    paths = [_path(row.Url) for row in _waiting(connection, landing_set.set_id)]
    absent = [name for name in names or () if not _is_there(name, paths)]
    if not absent:
        return None
    shown = ", ".join(absent[:_MOST_NAMES])
    more = f" and {len(absent) - _MOST_NAMES} more" if len(absent) > _MOST_NAMES else ""
    return f"{shown}{more}"


def count_waiting(connection: sa.Connection, set_id: int) -> int:
    """Return how many files of a set are there and wait."""
    count: int = connection.execute(
        sa.select(sa.func.count()).select_from(_members(set_id).subquery())
    ).scalar_one()
    return count


def set_of_file(connection: sa.Connection, file_id: int) -> int | None:
    """Return the set that a file belongs to, ``None`` if it belongs to none."""
    set_id: int | None = connection.execute(
        sa.select(landing_set_files.c.LandingSetID).where(landing_set_files.c.LandedFileID == file_id)
    ).scalar_one_or_none()
    return set_id


def open_sets(
    connection: sa.Connection, product_id: int, dataset: str | None = None
) -> tuple[LandingSet, ...]:
    """Return the sets of a product that are not complete, of one dataset if it is named, oldest first."""
    query = sa.select(landing_sets).where(
        landing_sets.c.DataProductID == product_id, landing_sets.c.State == SetState.OPEN
    )
    if dataset is not None:
        query = query.where(landing_sets.c.DataSetName == dataset)
    rows = connection.execute(query.order_by(landing_sets.c.LandingSetID))
    return tuple(_landing_set(row) for row in rows)


def _is_there(name: str, paths: Collection[str]) -> bool:
    wanted = _path(name) if "://" in name else name.lstrip("/")
    return any(path == wanted or path.endswith(f"/{wanted}") for path in paths)


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _waiting(connection: sa.Connection, set_id: int) -> Sequence[sa.Row[Any]]:
    return connection.execute(_members(set_id).order_by(landed_files.c.LandedFileID)).all()


def _members(set_id: int) -> sa.Select[Any]:
    return (
        sa.select(landed_files.c.LandedFileID, landed_files.c.Url, landed_files.c.EventTime)
        .select_from(
            landing_set_files.join(
                landed_files, landed_files.c.LandedFileID == landing_set_files.c.LandedFileID
            )
        )
        .where(landing_set_files.c.LandingSetID == set_id, landed_files.c.State == FileState.WAITING)
    )


def _open(
    connection: sa.Connection, product_id: int, dataset: Dataset, key: str, number: int, now: datetime
) -> LandingSet:
    within_s = dataset.complete.within_s if dataset.complete is not None else 0
    set_id: int = connection.execute(
        sa.insert(landing_sets)
        .values(
            DataProductID=product_id,
            DataSetName=dataset.name,
            SetKey=key,
            SetNumber=number,
            State=SetState.OPEN,
            OpenedAt=now,
            DeadlineAt=now + timedelta(seconds=within_s),
        )
        .returning(landing_sets.c.LandingSetID)
    ).scalar_one()
    return _get(connection, set_id)


def _get(connection: sa.Connection, set_id: int) -> LandingSet:
    return _landing_set(
        connection.execute(sa.select(landing_sets).where(landing_sets.c.LandingSetID == set_id)).one()
    )


def _latest(connection: sa.Connection, product_id: int, dataset: str, key: str) -> LandingSet | None:
    row = connection.execute(
        sa.select(landing_sets)
        .where(
            landing_sets.c.DataProductID == product_id,
            landing_sets.c.DataSetName == dataset,
            landing_sets.c.SetKey == key,
        )
        .order_by(landing_sets.c.SetNumber.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _landing_set(row)


def _landing_set(row: sa.Row[Any]) -> LandingSet:
    return LandingSet(
        set_id=row.LandingSetID,
        product_id=row.DataProductID,
        dataset=row.DataSetName,
        key=row.SetKey,
        number=row.SetNumber,
        state=SetState(row.State),
        opened_at=row.OpenedAt,
        deadline_at=row.DeadlineAt,
        closed_at=row.ClosedAt,
        expected=None if row.Expected is None else tuple(row.Expected),
    )
