"""What a blob event sets off: a landed file is taken in, a job's result wakes its node."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from activities.instances import Instances, start_coordinator
from activities.services import Services
from landfall import addresses
from landfall.landing.events import BlobEvent, parse_blob_event
from landfall.landing.intake import take_in
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID, job_finished_event, node_instance

log = logging.getLogger(__name__)


class EventActivities:
    """The one handler behind every trigger that delivers blob events; safe to run twice."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_blob_created(self, payload: Mapping[str, Any], instances: Instances) -> None:
        """Act on one event of the lake's account, in either schema.

        Raises:
            MalformedEvent: The payload is no blob event; the sender keeps it as a dead letter.
        """
        event = parse_blob_event(payload)
        if event is None:
            return
        if event.container == addresses.LANDING:
            await self._take_in(event, instances)
        elif event.container == addresses.CONTROL:
            await _wake_node(event, instances)

    async def _take_in(self, event: BlobEvent, instances: Instances) -> None:
        now = self._services.now()
        intake = await asyncio.to_thread(
            self._services.database.transact, lambda connection: take_in(connection, event, now=now)
        )
        if intake.start is not None:
            await start_coordinator(instances, intake.start)


async def _wake_node(event: BlobEvent, instances: Instances) -> None:
    result = addresses.parse_result_path(event.path)
    if result is None:
        return
    await instances.wake(
        node_instance(RunID(result.run_id), NodeKey(result.node)), job_finished_event(result.attempt)
    )
