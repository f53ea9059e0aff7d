"""What activities reach outside for, connected once per process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from landfall.jobs.protocol import Jobs
from landfall.lake import Lake
from landfall.metadata.engine import Database
from landfall.settings import Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the lake, the Jobs API and the clock."""

    settings: Settings
    database: Database
    lake: Lake
    jobs: Jobs
    now: Callable[[], datetime] = utc_now

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return the services that ``settings`` name; nothing is sent to them yet."""
        # The Databricks SDK is slow to import, and not every process that imports activities needs it.
        from landfall.jobs.client import connect

        return cls(
            settings=settings,
            database=Database.connect(settings),
            lake=Lake.connect(settings),
            jobs=connect(settings),
        )
