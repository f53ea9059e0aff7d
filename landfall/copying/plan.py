"""The copy plan of a product: what is to be copied now, with every name and statement finished.

Whoever executes it, Data Factory or `landfall copy`, decides nothing: it asks the source how far the watermark goes,
puts the answer in place of ``{watermark_to}``, and copies.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from landfall.addresses import landing_path
from landfall.copying.dialects import DIALECTS
from landfall.copying.names import UPTO, increment_name
from landfall.copying.queries import TableQueries, find_column
from landfall.copying.translating import translator
from landfall.errors import LandfallError
from landfall.spec.connections import is_key_vault_reference, plain_settings
from landfall.spec.copy_checks import copy_extension, copy_folder
from landfall.spec.copying import AfterCopy, Copy, Engine
from landfall.spec.faults import nearest_remedy
from landfall.spec.model import Dataset, Product, Source, SourceType


class NothingIsCopied(LandfallError):
    """A product, or a dataset of it, into which nothing is copied."""

    code = "LF3130"

    def __init__(self, product: str, dataset: str | None, known: Sequence[str]) -> None:
        if dataset is None:
            message = (
                f"{product} copies nothing: none of its datasets has copy:. Files land there by themselves."
            )
        else:
            message = f"{product} copies nothing for {dataset!r}; {nearest_remedy(dataset, known)}."
        super().__init__(message)
        self.product = product


class NoCopyKey(LandfallError):
    """A text that cannot name a copy."""

    code = "LF3131"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} cannot name a copy: write 1 to 64 letters, digits and hyphens.")
        self.key = key


@dataclass(frozen=True, slots=True)
class Position:
    """How far a dataset has been copied.

    Attributes:
        number: Number of the next incremental copy, from 1.
        value: Watermark of what was published last, ``None`` if nothing was.
        waits: Why nothing may be copied now, ``None`` if something may.
    """

    number: int = 1
    value: str | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class CopyItem:
    """One thing to copy, in the words in which Data Factory reads it: texts that are empty where there is nothing.

    Attributes:
        kind: ``sqlserver``, ``azure_sql``, ``postgresql``, ``oracle``, ``sqlite``, ``rest``, ``rest_secret``,
            ``rest_identity``, ``sftp``, ``share`` or ``azure_files``.
        mode: ``full`` or ``incremental``.
        secret: Name of the Key Vault secret that holds the connection, or a password or token.
        server: Server of a database, host of SFTP, name of a share, address of Azure Files; ``base_url`` of an API.
        share: Name of the share of Azure Files.
        database: Of a database that an identity signs in to.
        user: Who signs in to SFTP or a share.
        host_key: Fingerprint by which an SFTP server is known.
        audience: What an identity asks a token for.
        upper_bound_query: Its only value, ``watermark_to``, is where this copy ends; ``-`` if nothing is new. Of a full
            copy any text, so that whoever asks need not tell the two apart.
        source_query: Reads the rows, with ``{watermark_to}`` in place of that value.
        partition_option: ``None`` or ``DynamicRange``.
        path: At an API or file server.
        items: JSON path of the rows in an answer of an API.
        translator: Data Factory's mapping of an answer to rows; empty where answers are copied as they are.
        watermark_from: Where this copy begins.
        watermark_to: Where it ends, if that is known before the source is asked.
        folder: In `landing`, from the product's folder up.
        file: Name in the folder, with ``{watermark_to}`` in place of that value, ``:`` as ``~``, blank as ``_``;
            empty where files keep their names.
        format: How it is written: ``parquet``, ``json`` or as the file is.
    """

    dataset: str
    source: str
    kind: str
    mode: str
    folder: str
    file: str
    format: str
    secret: str = ""
    server: str = ""
    database: str = ""
    user: str = ""
    host_key: str = ""
    audience: str = ""
    upper_bound_query: str = ""
    source_query: str = ""
    partition_option: str = "None"
    partition_column: str = ""
    partition_count: int = 0
    path: str = ""
    items: str = ""
    next_page: str = ""
    translator: Mapping[str, Any] = field(default_factory=dict)
    share: str = ""
    delete_after: bool = False
    watermark_from: str = ""
    watermark_to: str = ""


@dataclass(frozen=True, slots=True)
class WaitingCopy:
    """A dataset of which nothing is copied now, with the reason."""

    dataset: str
    reason: str


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What of a product is to be copied now, and what has to wait."""

    product: str
    key: str
    items: tuple[CopyItem, ...]
    waiting: tuple[WaitingCopy, ...] = ()

    def to_payload(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return {
            "product": self.product,
            "key": self.key,
            "items": [asdict(item) for item in self.items],
            "waiting": [asdict(item) for item in self.waiting],
        }


def make_copy_plan(
    product: Product,
    positions: Mapping[str, Position],
    *,
    key: str,
    now: datetime,
    datasets: Sequence[str] = (),
    full: bool = False,
) -> CopyPlan:
    """Return what of a product is to be copied now.

    Args:
        positions: How far each incremental dataset has been copied.
        key: Name of this copy, 1 to 64 letters, digits and hyphens: full copies are called after it.
        now: Where an incremental copy of an API ends.
        datasets: The only ones to copy; empty means all that have something to copy.
        full: Copy everything once more, not only what is new.

    Raises:
        NothingIsCopied: Nothing is copied into the product, or into a dataset of ``datasets``.
    """
    copied = {dataset.name: dataset for dataset in product.datasets if dataset.copy is not None}
    unknown = next((name for name in datasets if name not in copied), None)
    if not copied or unknown is not None:
        raise NothingIsCopied(product.key, unknown if copied else None, tuple(copied))
    sources = {source.name: source for source in product.sources}
    items: list[CopyItem] = []
    waiting: list[WaitingCopy] = []
    for name in datasets or copied:
        dataset = next(item for item in copied.values() if item.name == name)
        position = positions.get(name, Position())
        if position.waits is not None:
            waiting.append(WaitingCopy(name, position.waits))
            continue
        if full:
            position = Position(position.number)
        items.append(_Planning(product, dataset, sources[dataset.source or ""], key, now).item(position))
    return CopyPlan(product.key, key, tuple(items), tuple(waiting))


@dataclass(frozen=True, slots=True)
class _Planning:
    """Plans the copy of one dataset."""

    product: Product
    dataset: Dataset
    source: Source
    key: str
    now: datetime

    def item(self, position: Position) -> CopyItem:
        made: dict[str, Any] = {
            "dataset": self.dataset.name,
            "source": self.source.name,
            "mode": "full" if self._copy.watermark is None else "incremental",
            "folder": landing_path(self.product.domain, self.product.name, copy_folder(self.dataset)).rstrip(
                "/"
            ),
            "file": self._file(position, UPTO),
            "format": copy_extension(self.source),
            "watermark_from": position.value or "",
        }
        match self.source.type:
            case SourceType.DATABASE:
                made |= dict(self._of_table(position))
            case SourceType.API:
                made |= dict(self._of_api(position))
            case _:
                made |= dict(self._of_files(made["folder"]))
        return CopyItem(**made)

    @property
    def _copy(self) -> Copy:
        assert self.dataset.copy is not None  # noqa: S101  only these are planned
        return self.dataset.copy

    def _file(self, position: Position, upto: str) -> str:
        extension = copy_extension(self.source)
        if self._copy.watermark is None:
            return f"{self.key}.{extension}"
        return increment_name(position.number, upto, extension)

    def _of_table(self, position: Position) -> Iterator[tuple[str, Any]]:
        engine = self.source.engine or Engine.SQLSERVER
        queries = TableQueries(self._copy, self.dataset.columns, engine, engine)
        incremental = self._copy.watermark is not None
        parts = self._copy.partitions
        column = find_column(self.dataset.columns, parts.column) if parts is not None else None
        # Rows without a value are in no range, so a column that may be null is read in one.
        part = DIALECTS[engine].partition if column is not None and not column.nullable else None
        by_secret = is_key_vault_reference(self.source.connection or "")
        # Azure SQL with a password is a SQL Server like any other.
        yield "kind", Engine.SQLSERVER if engine is Engine.AZURE_SQL and by_secret else engine
        yield from self._connection()
        yield (
            "upper_bound_query",
            queries.upper_bound(after=position.value) if incremental else queries.anything(),
        )
        yield (
            "source_query",
            queries.rows(after=position.value, upto=UPTO if incremental else None, part=part),
        )
        if parts is not None and part is not None:
            yield "partition_option", "DynamicRange"
            yield "partition_column", parts.column
            yield "partition_count", parts.count

    def _connection(self) -> Iterator[tuple[str, str]]:
        connection = self.source.connection or ""
        kind, colon, name = connection.partition(":")
        if colon and kind == "keyvault":
            yield "secret", name
            return
        said = plain_settings(connection)
        server = next((said[key] for key in ("server", "data source", "address", "addr") if key in said), "")
        yield "server", server.removeprefix("tcp:").partition(",")[0]
        yield "database", said.get("database") or said.get("initial catalog", "")

    def _of_api(self, position: Position) -> Iterator[tuple[str, Any]]:
        mark, path = self._copy.watermark, self._copy.path or ""
        kind = "rest_secret" if self.source.secret else "rest_identity" if self.source.audience else "rest"
        yield "kind", kind
        yield "server", self.source.connection or ""
        yield "secret", (self.source.secret or "").removeprefix("keyvault:")
        yield "audience", self.source.audience or ""
        yield "items", self._copy.items or ""
        yield "next_page", self._copy.next_page or ""
        yield "translator", translator(self.dataset.columns, self._copy.items, copy_extension(self.source))
        if mark is not None:
            # An API cannot be asked how far it is, so a copy ends when it was planned.
            upto = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
            yield "watermark_to", upto
            yield "file", self._file(position, upto)
            if position.value is not None:
                path += f"{'&' if '?' in path else '?'}{mark.parameter}={position.value}"
        yield "path", path

    def _of_files(self, folder: str) -> Iterator[tuple[str, Any]]:
        address = urlsplit(self.source.connection or "")
        share = address.path.strip("/")
        match address.scheme:
            case "smb":
                yield "kind", "share"
                yield "server", rf"\\{address.hostname}\{share}"
            case "https":
                yield "kind", "azure_files"
                yield "server", f"https://{address.hostname}"
                yield "share", share
            case _:
                yield "kind", "sftp"
                yield (
                    "server",
                    (self.source.connection or "").rpartition("@")[2].removeprefix("sftp://").strip("/"),
                )
        yield "user", address.username or ""
        yield "host_key", self.source.host_key or ""
        yield "secret", (self.source.secret or "").removeprefix("keyvault:")
        yield "path", self._copy.path or ""
        yield "delete_after", self._copy.after is AfterCopy.DELETE
        # Files keep their names, so each copy has a folder.
        yield "folder", f"{folder}/{self.key}"
        yield "file", ""
