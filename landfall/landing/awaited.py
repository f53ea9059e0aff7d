"""Files that somebody has written and waits for: whether they have landed, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

from landfall.addresses import LANDING, parse_blob_url
from landfall.landing.ledger import batches
from landfall.metadata.tables import landed_files
from landfall.runs.states import FileState

# Their events come within seconds; a copy and the request that waits for it may lie hours apart.
_LOOKED_BACK: Final = timedelta(days=2)
_FINAL: Final = frozenset({FileState.DONE, FileState.REJECTED, FileState.UNMATCHED})


@dataclass(frozen=True, slots=True)
class AwaitedFile:
    """A file in the ledger that somebody waits for: its newest version."""

    state: FileState
    reason: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in _FINAL


def awaited_files(
    connection: sa.Connection, product_id: int, paths: Sequence[str], *, asked_at: datetime
) -> Mapping[str, AwaitedFile]:
    """Return those of the files that have landed, by their paths in the landing container.

    Args:
        asked_at: When somebody began to wait for them.
    """
    found: dict[str, AwaitedFile] = {}
    for batch in batches(list(paths), size=100):
        # Events name addresses, in which some characters are percent-encoded.
        written = {form for path in batch for form in (path, quote(path, safe="/"))}
        ends = [
            landed_files.c.Url.endswith(f"/{LANDING}/{path}", autoescape=True) for path in sorted(written)
        ]
        rows = connection.execute(
            sa.select(landed_files.c.Url, landed_files.c.State, landed_files.c.Reason)
            .where(
                landed_files.c.DataProductID == product_id,
                landed_files.c.LandedAt >= asked_at - _LOOKED_BACK,
                sa.or_(*ends),
            )
            .order_by(landed_files.c.LandedFileID)
        )
        for row in rows:
            found[parse_blob_url(row.Url).path] = AwaitedFile(FileState(row.State), row.Reason)
    return found
