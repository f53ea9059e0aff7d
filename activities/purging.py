"""The nightly timer's work: what has had its time by policy is purged, histories of orchestrations included."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from activities.round import Round
from activities.services import Services
from landfall.metadata.alarms import AlarmName
from landfall.metadata.effective import settings_of
from landfall.purging import Purged, products_to_purge, purge_installation, purge_product

log = logging.getLogger(__name__)

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Histories(Protocol):
    """The histories of ended orchestrations."""

    async def purge(self, before: datetime) -> int:
        """Delete those of instances that were created before an instant, and return how many."""


class DurableHistories:
    """Histories through the client that the Durable extension binds to a function."""

    def __init__(self, client: Any, ended: Sequence[Any]) -> None:
        self._client = client
        self._ended = list(ended)

    async def purge(self, before: datetime) -> int:
        purged = await self._client.purge_instance_history_by(
            created_time_from=_LONG_AGO, created_time_to=before, runtime_status=self._ended
        )
        return int(purged.instances_deleted)


class Purging:
    """Safe to break off and to run twice: what is left has its turn the next night."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def purge(self, histories: Histories) -> None:
        """Purge rows and control objects of every product, and the histories of the installation.

        What cannot be purged of one product is an alarm and holds up nothing else.
        """
        now, database, lake = self._services.now(), self._services.database, self._services.lake
        this = Round(self._services, AlarmName.NOT_PURGED)
        for key in await asyncio.to_thread(products_to_purge, database):
            await this.go_on(f"product {key}", self._purge(purge_product, database, lake, key, now=now))
        await this.go_on("installation", self._purge(purge_installation, database, now=now))
        await this.go_on("histories", self._purge_histories(histories, now))
        await this.close()

    async def _purge(self, work: Callable[..., Purged], *args: Any, now: datetime) -> None:
        purged = await asyncio.to_thread(work, *args, now=now)
        if purged.rows or purged.control_runs:
            log.info("%s: purged %s and %d runs in control", purged.product, purged.rows, purged.control_runs)

    async def _purge_histories(self, histories: Histories, now: datetime) -> None:
        found = await asyncio.to_thread(
            self._services.database.read, lambda connection: settings_of(connection, None, at=now)
        )
        kept_s = next(float(item.value) for item in found if item.setting.name == "retention.histories")
        log.info("purged %d histories", await histories.purge(now - timedelta(seconds=kept_s)))
