"""Telling a catalogue what runs did: sent later, perhaps twice, and never in the way of a run."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from activities.services import Services
from landfall.errors import LandfallError
from landfall.log_context import about
from landfall.metadata.alarms import AlarmName, sync_alarms
from landfall.runs.lineage_outbox import (
    LineageWork,
    Moment,
    late_moments,
    mark_sent,
    put_off,
    take_due_moments,
)
from landfall.runs.stories import read_story

if TYPE_CHECKING:
    from landfall.catalogue.events import Teller
    from landfall.catalogue.sending import Catalogue

log = logging.getLogger(__name__)


class CatalogueActivities:
    """Safe to run twice and to break off: a moment is sent until the catalogue has taken it.

    Where no catalogue is named nothing is loaded, and what could be told is kept with its run.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def tell(self) -> None:
        """Send what waits, and raise an alarm while something waits for long."""
        if self._services.settings.catalogue_namespace is not None:
            await asyncio.to_thread(self._tell)

    def _tell(self) -> None:
        # Loaded here: the client takes seconds to load, and an app that tells no catalogue never needs it.
        from landfall.catalogue.events import Teller
        from landfall.catalogue.sending import ConfiguredCatalogue

        database, settings = self._services.database, self._services.settings
        now = self._services.now()
        teller = Teller(
            namespace=settings.catalogue_namespace or "landfall", account=settings.storage_account
        )
        works = database.transact(lambda connection: take_due_moments(connection, now=now))
        if works:
            self._send(works, ConfiguredCatalogue(), teller)
        late_at = self._services.now()
        database.transact(
            lambda connection: sync_alarms(
                connection,
                AlarmName.LINEAGE_NOT_SENT,
                _late(late_moments(connection, now=late_at)),
                now=late_at,
            )
        )

    def _send(self, works: Sequence[LineageWork], catalogue: "Catalogue", teller: "Teller") -> None:
        """Send moments in their order; once the catalogue is silent the others are given back."""
        database = self._services.database
        for position, work in enumerate(works):
            try:
                self._send_one(work, catalogue, teller)
            # An outermost edge: one run that cannot be told must not keep the others from it.
            except Exception as error:
                reason = f"{error.code}: {error}" if isinstance(error, LandfallError) else repr(error)
                with about(run=work.run_id):
                    log.warning("the %s was not told to the catalogue: %s", work.moment, reason)
                now = self._services.now()
                rest = works[position + 1 :] if isinstance(error, LandfallError) and error.retryable else ()
                database.transact(partial(put_off, work=work, reason=reason, untried=rest, now=now))
                if rest:
                    return

    def _send_one(self, work: LineageWork, catalogue: "Catalogue", teller: "Teller") -> None:
        database = self._services.database
        story = database.read(
            lambda connection: read_story(connection, work.run_id, with_nodes=work.moment is Moment.END)
        )
        if story is not None:
            catalogue.send(teller.start(story) if work.moment is Moment.START else teller.end(story))
        now = self._services.now()
        database.transact(lambda connection: mark_sent(connection, work, now=now))


def _late(count: int) -> dict[str, str]:
    return {"catalogue": f"{count} moments of runs wait for more than an hour"} if count else {}
