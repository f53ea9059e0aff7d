"""What operators read of the landing ledger."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from landfall.addresses import LANDING, file_name
from landfall.errors import LandfallError
from landfall.landing.ledger import searched_name
from landfall.metadata.catalog import named
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.metadata.tables import data_products, landed_files
from landfall.runs.states import FileState

# Newest versions of a path that are shown; who needs the others finds them by the file's name.
_MOST_VERSIONS = 100
# Behind every character that a name may have where it goes on.
_LAST_CHARACTER = "\uffff"
_WITH_PRODUCT = landed_files.outerjoin(
    data_products, data_products.c.DataProductID == landed_files.c.DataProductID
)


class UnknownFile(LandfallError):
    """No landed file has that id or address."""

    code = "LF3102"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"No landed file has the id or address {text!r}. `landfall files list` shows those there are."
        )


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One version of one file.

    Attributes:
        product: ``domain/name``, ``None`` if no product matches.
        event_count: How often its event has come; it is taken in once all the same.
    """

    file_id: int
    url: str
    etag: str
    size_bytes: int
    product: str | None
    dataset: str | None
    state: FileState
    reason: str | None
    run_id: str | None
    event_count: int
    landed_at: datetime
    finished_at: datetime | None

    @property
    def name(self) -> str:
        """The last part of its path, as people read it."""
        return file_name(self.url)

    @property
    def path(self) -> str:
        """Where it lies below the landing folder of its product, as people read it; without a product its name."""
        if self.product is None:
            return self.name
        return unquote(self.url).partition(f"/{LANDING}/{self.product}/")[2] or self.name

    @property
    def folder(self) -> str:
        """The part of its path in front of its name; empty if there is none."""
        return self.path.removesuffix(self.name).rstrip("/")

    @property
    def refused_rows_command(self) -> str:
        """The command that shows the rows refused of it, also those that were judged again since."""
        dataset = f"{self.product}.{self.dataset}"
        return f"landfall quarantine show {dataset} --file {shlex.quote(self.path)} --state all"


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files a list is about: those that meet every field given.

    Attributes:
        product: ``domain/name``.
        run_id: The newest run that claimed the file.
        name: How the file's name begins, without regard to case.
        since: Files that landed from then on.
    """

    product: str | None = None
    dataset: str | None = None
    state: FileState | None = None
    run_id: str | None = None
    name: str | None = None
    since: datetime | None = None


def list_files(
    connection: sa.Connection,
    wanted: FileFilter = FileFilter(),
    *,
    scope: Scope = EVERYTHING,
    oldest_first: bool = False,
    limit: int = PAGE_ROWS,
    cursor: str | None = None,
) -> Page[LandedFile]:
    """Return a page of files, the newest first; of those whose name begins with something, by their names.

    Args:
        scope: Whose files are seen; those of no product by the domain whose folder they are in.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    newest = not oldest_first
    order = [
        SortKey("landed_at", landed_files.c.LandedAt, newest),
        SortKey("file_id", landed_files.c.LandedFileID, newest),
    ]
    if wanted.name:
        order.insert(0, SortKey("name", landed_files.c.FileName))
    query = _files().where(*_conditions(wanted), _seen(scope))
    return read_page(connection, query, order, _file, limit=limit, cursor=cursor)


def get_file(connection: sa.Connection, text: str, *, scope: Scope = EVERYTHING) -> tuple[LandedFile, ...]:
    """Return the file with the id ``text``, or every version of the file whose address ends in it.

    Args:
        text: An id, or the end of an address as people read it or as a URL has it.

    Raises:
        UnknownFile: There is none.
    """
    if text.isdigit():
        query = _files().where(landed_files.c.LandedFileID == int(text))
    else:
        # The name is looked up; only the few files that have it are compared with the rest of the path.
        query = _files().where(
            landed_files.c.FileName == searched_name(text),
            sa.or_(*(landed_files.c.Url.endswith(end, autoescape=True) for end in _ends(text))),
        )
    return _some(connection, query.where(_seen(scope)), text)


def versions_of_file(
    connection: sa.Connection, file_id: int, *, scope: Scope = EVERYTHING
) -> tuple[LandedFile, ...]:
    """Return every version of the path that a landed file has, the newest first.

    Raises:
        UnknownFile: No file has that id.
    """
    of_path = sa.select(landed_files.c.UrlHash).where(landed_files.c.LandedFileID == file_id)
    query = _files().where(landed_files.c.UrlHash == of_path.scalar_subquery(), _seen(scope))
    return _some(connection, query, str(file_id))


def count_files(
    connection: sa.Connection,
    states: Sequence[FileState],
    since: datetime,
    *,
    scope: Scope = EVERYTHING,
) -> dict[str, int]:
    """Return how many files that landed from an instant on are in each of some states."""
    rows = connection.execute(
        sa.select(landed_files.c.State, sa.func.count().label("Files"))
        .select_from(_WITH_PRODUCT)
        .where(landed_files.c.State.in_(states), landed_files.c.LandedAt >= since, _seen(scope))
        .group_by(landed_files.c.State)
    )
    return {row.State: row.Files for row in rows}


def _ends(text: str) -> Sequence[str]:
    """Return how the address of a file may end; services differ in which characters of a path they encode."""
    return sorted({text, quote(text), quote(text, safe="/!$&'()*+,;=:@~")})


def _seen(scope: Scope) -> sa.ColumnElement[bool]:
    return scope.of_file(landed_files.c.DataProductID, landed_files.c.Url)


def _conditions(wanted: FileFilter) -> list[sa.ColumnElement[bool]]:
    files = landed_files.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.product is not None:
        # A scalar, so that the index on the product is entered at once.
        product_id = sa.select(data_products.c.DataProductID).where(named(wanted.product)).scalar_subquery()
        conditions.append(files.DataProductID == product_id)
    if wanted.dataset is not None:
        conditions.append(files.DataSetName == wanted.dataset)
    if wanted.state is not None:
        conditions.append(files.State == wanted.state)
    if wanted.run_id is not None:
        conditions.append(files.RunID == wanted.run_id)
    if wanted.since is not None:
        conditions.append(files.LandedAt >= wanted.since)
    if wanted.name:
        begins = searched_name(wanted.name)
        # A range and no LIKE, which no index serves on SQLite.
        conditions += [files.FileName >= begins, files.FileName < begins + _LAST_CHARACTER]
    return conditions


def _some(connection: sa.Connection, query: sa.Select[Any], text: str) -> tuple[LandedFile, ...]:
    rows = connection.execute(query.order_by(landed_files.c.LandedFileID.desc()).limit(_MOST_VERSIONS)).all()
    if not rows:
        raise UnknownFile(text)
    return tuple(_file(row) for row in rows)


def _files() -> sa.Select[Any]:
    return sa.select(landed_files, data_products.c.Domain, data_products.c.Name).select_from(_WITH_PRODUCT)


def _file(row: sa.Row[Any]) -> LandedFile:
    return LandedFile(
        file_id=row.LandedFileID,
        url=row.Url,
        etag=row.ETag,
        size_bytes=row.SizeBytes,
        product=f"{row.Domain}/{row.Name}" if row.Domain else None,
        dataset=row.DataSetName,
        state=FileState(row.State),
        reason=row.Reason,
        run_id=row.RunID,
        event_count=row.EventCount,
        landed_at=row.LandedAt,
        finished_at=row.FinishedAt,
    )
