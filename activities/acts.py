"""What has to be set going outside SQL after an operator's or a caller's act."""

from collections.abc import Sequence

from activities.callbacks import start_callbacks
from activities.cancelling import CancelActivities
from activities.instances import Instances, start_coordinator
from activities.services import Services
from landfall.runs.callbacks import CallbackID
from landfall.runs.closing import CancelledRun
from landfall.spec.model import Product


class ActActivities:
    """Safe to run twice, and not needed for what is in SQL to happen: reconcile does the same, only later."""

    def __init__(self, services: Services) -> None:
        self._cancelling = CancelActivities(services)

    async def follow_up(
        self,
        instances: Instances,
        *,
        start: Sequence[Product] = (),
        cancelled: Sequence[CancelledRun] = (),
        notify: tuple[CallbackID, ...] = (),
    ) -> None:
        """Start coordinators, end the jobs of cancelled runs, tell callers that wait."""
        for run in cancelled:
            await self._cancelling.cancel_jobs(run, instances)
        for product in start:
            await start_coordinator(instances, product)
        await start_callbacks(instances, notify)
