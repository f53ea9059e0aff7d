"""One round of a timer: what fails is noted and told, and the next thing has its turn."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from activities.services import Services
from landfall.errors import LandfallError
from landfall.metadata.alarms import AlarmName, sync_alarms
from landfall.metadata.faults import DatabaseUnreachable

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Round:
    """Keeps what failed by its subject, and at the end raises an alarm for each and clears those that are gone."""

    def __init__(self, services: Services, alarm: AlarmName) -> None:
        self._services = services
        self._alarm = alarm
        self._faults: dict[str, str] = {}

    async def go_on(self, subject: str, work: Awaitable[Answer]) -> Answer | None:
        """Return what ``work`` returns, or ``None`` if it fails, which is kept for the end of the round.

        Raises:
            DatabaseUnreachable: Nothing else would go better.
        """
        try:
            return await work
        except DatabaseUnreachable:
            raise
        # An outermost edge: whatever is wrong with one subject must not reach the next one.
        except Exception as error:
            if isinstance(error, LandfallError):
                log.warning("%s: %s: %s: %s", self._alarm, subject, error.code, error)
            else:
                log.exception("%s: %s", self._alarm, subject)
            code = error.code if isinstance(error, LandfallError) else type(error).__name__
            self._faults[subject] = f"{code}: {error}"
            return None

    async def read(self, subject: str, work: Callable[[Any], tuple[Answer, ...]]) -> tuple[Answer, ...]:
        """Return what ``work`` reads from the database, nothing if it fails."""
        return await self.go_on(subject, asyncio.to_thread(self._services.database.read, work)) or ()

    async def transact(self, subject: str, work: Callable[[Any], Answer]) -> Answer | None:
        """Return what ``work`` returns from its transaction, ``None`` if it fails."""
        return await self.go_on(subject, asyncio.to_thread(self._services.database.transact, work))

    def failed(self, subject: str) -> bool:
        """Return whether something about a subject failed in this round."""
        return subject in self._faults

    async def close(self) -> None:
        """Raise an alarm for each fault of this round, and clear those of earlier rounds that did not come again."""
        now = self._services.now()
        await asyncio.to_thread(
            self._services.database.transact,
            lambda connection: sync_alarms(connection, self._alarm, self._faults, now=now),
        )
