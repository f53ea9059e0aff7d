"""A landing zone without a storage account: a real metadata database, files in memory, instances in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activities.events import EventActivities
from activities.reconcile import Reconcile
from activities.runs import RunActivities
from landfall.lake import BlobNotFound, StoredBlob
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files
from landfall.spec.model import Product
from tests.databases import a_database
from tests.fakes.instances import FakeInstances
from tests.fakes.jobs import FakeJobs

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BLOBS = "https://contoso.blob.core.windows.net/landing"


class FakeLanding:
    """The landing container in memory: what was written last is what is there."""

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[str, bytes, datetime]] = {}
        self.looked_at: list[str] = []

    def find_landed(self, path: str) -> StoredBlob | None:
        self.looked_at.append(path)
        return self._blob(path)

    def _blob(self, path: str) -> StoredBlob | None:
        if path not in self.blobs:
            return None
        etag, content, at = self.blobs[path]
        return StoredBlob(path, etag, len(content), at)

    def list_landed(self, folder: str) -> Iterator[StoredBlob]:
        for path in sorted(self.blobs):
            blob = self._blob(path)
            if path.startswith(f"{folder}/") and blob is not None and blob.size_bytes:
                yield blob

    def read_landing(self, path: str, *, most_bytes: int) -> bytes:
        if path not in self.blobs:
            from landfall.addresses import parse_blob_url

            raise BlobNotFound(parse_blob_url(f"{BLOBS}/{path}"))
        return self.blobs[path][1][:most_bytes]


@dataclass
class Zone:
    """One product's landing zone, and what happens in it; the clock moves only by hand."""

    database: Database
    lake: Any = field(default_factory=FakeLanding)
    jobs: Any = field(default_factory=FakeJobs)
    instances: FakeInstances = field(default_factory=FakeInstances)
    clock: datetime = START
    settings: Any = None
    written: int = 0

    def now(self) -> datetime:
        return self.clock

    def pass_time(self, **span: float) -> None:
        self.clock += timedelta(**span)

    def apply(self, *products: Product) -> None:
        apply_products(self.database, products, actor="ada", now=self.clock)

    def write(self, path: str, content: bytes = b"id\n1\n") -> dict[str, Any]:
        """Write a file and return its event, which is not sent yet."""
        self.written += 1
        etag = f"0x{self.written}"
        self.lake.blobs[path] = (etag, content, self.clock)
        return {
            "eventType": "Microsoft.Storage.BlobCreated",
            "subject": f"/blobServices/default/containers/landing/blobs/{path}",
            "eventTime": self.clock.isoformat(),
            "data": {
                "api": "PutBlob",
                "eTag": etag,
                "contentLength": len(content),
                "url": f"{BLOBS}/{path}",
                "sequencer": f"{self.written:020}",
            },
        }

    async def land(self, *paths: str, content: bytes = b"id\n1\n") -> None:
        """Write files and send their events."""
        for path in paths:
            await self.send(self.write(path, content))

    async def send(self, *events: dict[str, Any]) -> None:
        for event in events:
            await EventActivities(self).on_event(event, self.instances)

    async def tick(self) -> None:
        """Let the timer fire."""
        await Reconcile(self).reconcile(self.instances)

    async def open_run(self, run_id: str, product: str = "sales/orders") -> dict[str, Any]:
        message = {"product": product, "run_id": run_id}
        return await RunActivities(self).open_run(message, self.instances)

    def files(self) -> dict[str, str]:
        """Return the state of the newest version of each file, by the end of its path."""
        query = sa.select(landed_files).order_by(landed_files.c.LandedFileID)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return {row.Url.removeprefix(f"{BLOBS}/sales/orders/"): row.State for row in rows}

    def coordinators(self) -> set[str]:
        return {name for name in self.instances.alive if name.startswith("product-")}


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Zone]:
    database = a_database(tmp_path)
    yield Zone(database)
    database.close()
