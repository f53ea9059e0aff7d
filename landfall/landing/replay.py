"""Replaying landed files: an operator puts files that have ended back to pending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.addresses import LANDING, NotABlobAddress, parse_blob_url
from landfall.errors import LandfallError
from landfall.landing.copies import copied_again
from landfall.landing.ledger import batches, keep_captured, newer_versions
from landfall.landing.matching import match_file, product_of
from landfall.landing.queries import UnknownFile
from landfall.metadata.acts import Act, FileAct, record_file_acts
from landfall.metadata.catalog import CurrentProduct, find_current_product, get_current_product
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import landed_files
from landfall.metadata.whose import domains_of_files
from landfall.runs.leases import LeaseState, lock_lease, read_lease, set_lease
from landfall.runs.states import FILE_CHANGES, FileState, sources_of
from landfall.spec.landing_patterns import CapturedValue
from landfall.spec.model import Product

MOST_FILES = 5_000
"""Files of one replay, as many as one run takes in."""

REPLAYABLE = sources_of(FileState.PENDING, FILE_CHANGES) - {FileState.CLAIMED}
"""States from which an operator may put a file back; a claimed file is its run's."""

_ENDED_BADLY = frozenset({FileState.REJECTED, FileState.UNMATCHED})


class NothingChosen(LandfallError):
    """A replay that says nothing of the files."""

    code = "LF3103"

    def __init__(self) -> None:
        super().__init__("Say which files to replay: their ids, or a product, dataset, state or instant.")


@dataclass(frozen=True, slots=True)
class FileChoice:
    """The files to replay: those named, or those that meet the other fields.

    Attributes:
        file_ids: Ids of the ledger; with any, the other fields are not looked at.
        state: ``None`` takes those that were rejected or unmatched.
        product: ``domain/name``; ``None`` takes the files of all.
        dataset: The dataset by which a file was matched.
        since: Files that landed from then on.
        after: Only files with a larger id, to go on behind a former replay.
        scope: Whose files may be replayed; others are not there.
    """

    file_ids: tuple[int, ...] = ()
    state: FileState | None = None
    product: str | None = None
    dataset: str | None = None
    since: datetime | None = None
    after: int | None = None
    scope: Scope = EVERYTHING


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A chosen file that stays as it is, with the reason."""

    file_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the chosen files.

    Attributes:
        file_ids: Files that are pending now.
        start: Products whose coordinator has to be started.
        following: Id behind which more files may be meant than one replay takes; ``None`` if there are none.
    """

    file_ids: tuple[int, ...]
    left: tuple[LeftFile, ...]
    start: tuple[Product, ...]
    following: int | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a file goes by the current metadata."""

    current: CurrentProduct
    dataset: str
    captured: Mapping[str, CapturedValue]


def replay_files(
    connection: sa.Connection, choice: FileChoice, *, actor: str, now: datetime, dry_run: bool = False
) -> Replayed:
    """Put files back to pending, each matched anew against the current metadata, and write who did it.

    The rows of a file that was taken in before are replaced when a run takes it in again.

    Args:
        dry_run: Write nothing, and return what would be done now.

    Raises:
        NothingChosen: The choice says nothing.
        UnknownFile: An id is of no file.
        UnknownProduct: The product was never applied.
    """
    file_ids, following = _chosen(connection, choice)
    products = _products(connection, file_ids)
    # Leases first, always in one order: whoever claims files holds the lease of their product, so what is
    # read after this stays true until the end of the transaction.
    leases = {
        product_id: read_lease(connection, product_id) if dry_run else lock_lease(connection, product_id, now)
        for product_id in sorted({current.product_id for current in products.values()})
    }
    rows = _rows(connection, file_ids)
    newer = newer_versions(connection, rows)
    again = copied_again(connection, rows)
    left: list[LeftFile] = []
    moved: list[FileAct] = []
    start: dict[int, Product] = {}
    for row in rows:
        target = (
            _left(row, again[row.LandedFileID])
            if row.LandedFileID in again
            else _target(row, products.get(row.LandedFileID), newer.get(row.LandedFileID))
        )
        if isinstance(target, LeftFile):
            left.append(target)
            continue
        current = target.current
        if not dry_run:
            _put_back(connection, row, target)
        moved.append(FileAct(row.LandedFileID, current.product_id, row.State, row.Reason))
        if leases[current.product_id].wants_coordinator and current.product.run.on_landing:
            start[current.product_id] = current.product
    if dry_run:
        start = {}
    else:
        for product_id in start:
            set_lease(connection, product_id, LeaseState.ACTIVE, now)
        record_file_acts(connection, Act.REPLAY, moved, actor=actor, now=now)
    return Replayed(
        file_ids=tuple(act.file_id for act in moved),
        left=tuple(left),
        start=tuple(start.values()),
        following=following,
    )


def _chosen(connection: sa.Connection, choice: FileChoice) -> tuple[list[int], int | None]:
    if choice.file_ids:
        wanted = sorted(set(choice.file_ids))
        owned = domains_of_files(connection, wanted)
        for file_id in wanted:
            if file_id not in owned or not choice.scope.sees(owned[file_id]):
                raise UnknownFile(str(file_id))
        return wanted, None
    if (choice.state, choice.product, choice.dataset, choice.since) == (None, None, None, None):
        raise NothingChosen
    states = [choice.state] if choice.state is not None else sorted(_ENDED_BADLY)
    query = sa.select(landed_files.c.LandedFileID).where(
        landed_files.c.State.in_(states),
        choice.scope.of_file(landed_files.c.DataProductID, landed_files.c.Url),
    )
    if choice.dataset is not None:
        query = query.where(landed_files.c.DataSetName == choice.dataset)
    if choice.since is not None:
        query = query.where(landed_files.c.LandedAt >= choice.since)
    if choice.after is not None:
        query = query.where(landed_files.c.LandedFileID > choice.after)
    if choice.product is not None:
        product_id = get_current_product(connection, choice.product).product_id
        # A file that came before its product was applied is nobody's; its folder says whose it would be.
        query = query.where(
            sa.or_(
                landed_files.c.DataProductID == product_id,
                sa.and_(
                    landed_files.c.DataProductID.is_(None),
                    landed_files.c.Url.contains(f"/{LANDING}/{choice.product}/", autoescape=True),
                ),
            )
        )
    found: list[int] = list(
        connection.execute(query.order_by(landed_files.c.LandedFileID).limit(MOST_FILES + 1)).scalars()
    )
    return found[:MOST_FILES], found[MOST_FILES - 1] if len(found) > MOST_FILES else None


def _rows(connection: sa.Connection, file_ids: Sequence[int]) -> list[sa.Row[Any]]:
    return [
        row
        for batch in batches(list(file_ids))
        for row in connection.execute(
            sa.select(landed_files)
            .where(landed_files.c.LandedFileID.in_(batch))
            .order_by(landed_files.c.LandedFileID)
        )
    ]


def _products(connection: sa.Connection, file_ids: Sequence[int]) -> Mapping[int, CurrentProduct]:
    """Return the product in whose folder each file lies, for those that lie in one."""
    known: dict[str, CurrentProduct | None] = {}
    found: dict[int, CurrentProduct] = {}
    for row in _rows(connection, file_ids):
        placed = _place(row.Url)
        if placed is None:
            continue
        if placed[0] not in known:
            known[placed[0]] = find_current_product(connection, placed[0])
        current = known[placed[0]]
        if current is not None:
            found[row.LandedFileID] = current
    return found


def _place(url: str) -> tuple[str, str] | None:
    """Return ``domain/product`` and the path below it, as far as a file's address says so."""
    try:
        return product_of(parse_blob_url(url).path)
    except NotABlobAddress:
        return None


def _target(row: sa.Row[Any], current: CurrentProduct | None, newer: int | None) -> _Target | LeftFile:
    """Return where a file goes, or why it stays as it is."""
    state = FileState(row.State)
    if state is FileState.PENDING:
        return _left(row, "it waits for a run already")
    if state not in REPLAYABLE:
        return _left(row, f"run {row.RunID} takes it in at this moment")
    if newer is not None:
        return _left(row, f"its content was replaced by a newer version, file {newer}; replay that one")
    if row.SizeBytes == 0:
        return _left(row, "it is empty (0 bytes)")
    placed = _place(row.Url)
    if placed is None:
        return _left(row, "it lies in no product's folder; files land below DOMAIN/PRODUCT/")
    if current is None:
        return _left(row, f"no product {placed[0]!r} has been applied; apply it first")
    found = match_file(current.product, placed[1])
    if found is None:
        patterns = ", ".join(item.landing for item in current.product.datasets if item.landing is not None)
        return _left(
            row,
            f"still no dataset of {current.product.key} expects it; it expects {patterns or 'no files'}",
        )
    return _Target(current, found.dataset.name, found.captured)


def _left(row: sa.Row[Any], reason: str) -> LeftFile:
    return LeftFile(row.LandedFileID, reason)


def _put_back(connection: sa.Connection, row: sa.Row[Any], target: _Target) -> None:
    connection.execute(
        sa.update(landed_files)
        .where(landed_files.c.LandedFileID == row.LandedFileID, landed_files.c.State == row.State)
        .values(
            State=FileState.PENDING,
            DataProductID=target.current.product_id,
            DataSetName=target.dataset,
            Reason=None,
            RunID=None,
            ClaimedAt=None,
            FinishedAt=None,
        )
    )
    keep_captured(connection, row.LandedFileID, target.captured)
