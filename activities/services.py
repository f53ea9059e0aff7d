"""What activities reach outside for, each part connected when it is first needed."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from landfall.errors import LandfallError
from landfall.jobs.protocol import Jobs
from landfall.lake import Lake
from landfall.metadata.engine import Database
from landfall.settings import Settings

if TYPE_CHECKING:
    from landfall.jobs.client import DatabricksJobs

log = logging.getLogger(__name__)

Part = TypeVar("Part")


class Services(Protocol):
    """The database, the lake, the Jobs API, and the clock that gives aware UTC instants."""

    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def lake(self) -> Lake: ...

    @property
    def jobs(self) -> Jobs: ...

    def now(self) -> datetime: ...


class ConnectedServices:
    """The services that the environment names.

    Nothing is read or connected before it is needed: a host imports the app only to list its functions, and
    an event needs the database alone while the Databricks SDK takes seconds to import.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._parts: dict[str, Any] = {}

    @property
    def settings(self) -> Settings:
        return self._part("settings", Settings.from_environment)

    @property
    def database(self) -> Database:
        return self._part("database", lambda: Database.connect(self.settings))

    @property
    def lake(self) -> Lake:
        return self._part("lake", lambda: Lake.connect(self.settings))

    @property
    def jobs(self) -> Jobs:
        return self._connect_jobs()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def connect_in_background(self) -> None:
        """Connect everything now, so that the first landed file does not wait for it."""
        threading.Thread(target=self._connect_all, name="connect", daemon=True).start()

    def _connect_all(self) -> None:
        try:
            self.database.ping()
            _ = self.lake
            self._connect_jobs().connect()
        except LandfallError as error:
            # Whoever needs the part meets the error again and answers for it.
            log.warning("not connected yet: %s", error)

    def _connect_jobs(self) -> "DatabricksJobs":
        from landfall.jobs.client import connect

        return self._part("jobs", lambda: connect(self.settings))

    def _part(self, name: str, connect: Callable[[], Part]) -> Part:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = connect()
            return cast(Part, self._parts[name])
