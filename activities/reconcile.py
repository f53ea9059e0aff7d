"""The timer's work: whatever SQL says should be going on and is not, is started again."""

import asyncio
import logging

from activities.callbacks import CallbackActivities
from activities.cancelling import CancelActivities
from activities.instances import Instances, start_coordinator
from activities.runs import start_nodes
from activities.services import Services
from landfall.landing.sets import check_deadlines
from landfall.metadata.alarms import AlarmName
from landfall.runs.closing import cancelled_runs
from landfall.runs.ids import RUN_FINISHED_EVENT, coordinator_instance, node_instance, run_instance
from landfall.runs.recovery import OpenRun, expected_work
from landfall.runs.scheduling import due_schedules, request_due_run
from landfall.spec.model import Product

log = logging.getLogger(__name__)


class Reconcile:
    """Safe to run twice and at any moment: starting what is alive changes nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cancelling = CancelActivities(services)
        self._callbacks = CallbackActivities(services)

    async def reconcile(self, instances: Instances) -> None:
        """Start what is due and what was lost, end jobs of cancelled runs, wake runs that ended, call who waits."""
        await self._check_sets()
        await self._start_due_runs(instances)
        await self._reconcile_runs(instances)
        for cancelled in await asyncio.to_thread(self._services.database.read, cancelled_runs):
            await self._cancelling.cancel_jobs(cancelled, instances)
        await self._callbacks.start_due(instances)

    async def _reconcile_runs(self, instances: Instances) -> None:
        now = self._services.now()
        work = await asyncio.to_thread(
            self._services.database.transact, lambda connection: expected_work(connection, now=now)
        )
        await start_nodes(instances, work.claimed)
        busy = {run.product for run in work.runs if await self._reconcile_run(instances, run)}
        for product in work.coordinators:
            # A run whose coordinator was lost goes on by itself; a second one under the same instance id
            # would never begin, so the next coordinator waits for its end.
            if product.key not in busy:
                await self._reconcile_coordinator(instances, product)

    async def _check_sets(self) -> None:
        """Raise the alarm for sets of landed files that are past their deadline."""
        now = self._services.now()
        raised = await asyncio.to_thread(
            self._services.database.transact, lambda connection: check_deadlines(connection, now=now)
        )
        for detail in raised:
            log.warning("%s: %s", AlarmName.SET_INCOMPLETE, detail)

    async def _start_due_runs(self, instances: Instances) -> None:
        """Ask for the runs whose schedules are due, each in a transaction of its own."""
        now = self._services.now()
        database = self._services.database
        due = await asyncio.to_thread(database.read, lambda connection: due_schedules(connection, now=now))
        for schedule_id in due:
            requested = await asyncio.to_thread(
                database.transact,
                lambda connection, schedule_id=schedule_id: request_due_run(connection, schedule_id, now=now),
            )
            if requested is not None and requested.start_coordinator:
                await start_coordinator(instances, requested.product)

    async def _reconcile_run(self, instances: Instances, run: OpenRun) -> bool:
        """Start the lost nodes of a run that has an instance; return whether it has one."""
        if not await instances.is_alive(run_instance(run.run_id)):
            return False
        if run.ended:
            await instances.wake(run_instance(run.run_id), RUN_FINISHED_EVENT)
            return True
        lost = tuple(
            [node for node in run.nodes if not await instances.is_alive(node_instance(run.run_id, node.key))]
        )
        if lost:
            log.warning("run %s: starting %d lost nodes again", run.run_id, len(lost))
            await start_nodes(instances, lost)
        return True

    async def _reconcile_coordinator(self, instances: Instances, product: Product) -> None:
        if await instances.is_alive(coordinator_instance(product.key)):
            return
        log.warning("%s has an active lease and no coordinator; starting it", product.key)
        await start_coordinator(instances, product)
