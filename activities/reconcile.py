"""The timer's work: whatever SQL says should be going on and is not, is started again."""

import asyncio
import logging
from functools import partial

from activities.callbacks import CallbackActivities
from activities.cancelling import CancelActivities
from activities.instances import Instances, start_coordinator
from activities.round import Round
from activities.runs import start_nodes
from activities.services import Services
from activities.submitting import Submitting
from landfall.landing.sets import check_deadlines, overdue_sets
from landfall.log_context import about
from landfall.metadata.alarms import AlarmName
from landfall.metadata.catalog import get_current_product
from landfall.runs.claiming import ClaimedNode
from landfall.runs.closing import cancelled_runs
from landfall.runs.ids import RUN_FINISHED_EVENT, coordinator_instance, node_instance, run_instance
from landfall.runs.recovery import (
    OpenRun,
    claim_free_places,
    open_runs,
    products_at_work,
    take_waiting_lease,
    waiting_products,
)
from landfall.runs.scheduling import due_schedules, request_due_run
from landfall.runs.submissions import abandoned_submissions

log = logging.getLogger(__name__)

_OPEN_RUNS = "open runs"


class Reconcile:
    """Safe to run twice and at any moment: starting what is alive changes nothing.

    What is wrong with one product, run or node is noted and holds up nothing else.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cancelling = CancelActivities(services)
        self._callbacks = CallbackActivities(services)
        self._submitting = Submitting(services)

    async def reconcile(self, instances: Instances) -> None:
        """Start what is due and what was lost, end jobs nobody waits for, wake runs that ended, call who waits.

        Raises:
            LandfallError: The database does not answer, so nothing could be done.
        """
        this = Round(self._services, AlarmName.NOT_RECONCILED)
        await self._check_sets(this)
        await self._start_due_runs(this, instances)
        await self._start_claimed(this, instances)
        busy = await self._reconcile_runs(this, instances)
        if not this.failed(_OPEN_RUNS):
            await self._reconcile_products(this, instances, busy)
        for run in await this.read("cancelled runs", cancelled_runs):
            await this.go_on(f"cancelled run {run.run_id}", self._cancelling.cancel_jobs(run, instances))
        for submission in await this.read("abandoned submissions", abandoned_submissions):
            await this.go_on(
                f"job of run {submission.run_id}, node {submission.key}, attempt {submission.attempt}",
                asyncio.to_thread(self._submitting.end, submission),
            )
        await this.go_on("callbacks", self._callbacks.start_due(instances))
        await this.close()

    async def _check_sets(self, this: Round) -> None:
        """Raise the alarm for sets of landed files that are past their deadline."""
        now = self._services.now()
        overdue = await this.read("landing sets", lambda connection: overdue_sets(connection, now=now))
        for product in overdue:
            raised = await this.transact(
                f"landing sets of {product}",
                partial(check_deadlines, product=product, now=now),
            )
            for detail in raised or ():
                log.warning("%s: %s", AlarmName.SET_INCOMPLETE, detail)

    async def _start_due_runs(self, this: Round, instances: Instances) -> None:
        """Ask for the runs whose schedules are due, each in a transaction of its own."""
        now = self._services.now()
        due = await this.read("schedules", lambda connection: due_schedules(connection, now=now))
        for schedule_id in due:
            requested = await this.transact(
                f"schedule {schedule_id}",
                partial(request_due_run, schedule_id=schedule_id, now=now),
            )
            if requested is not None and requested.start_coordinator:
                await this.go_on(
                    f"product {requested.product.key}", start_coordinator(instances, requested.product)
                )

    async def _start_claimed(self, this: Round, instances: Instances) -> None:
        """Give free places to nodes that stand beside them."""
        now = self._services.now()
        claimed = await this.transact(
            "free places", lambda connection: claim_free_places(connection, now=now)
        )
        for node in claimed or ():
            await this.go_on(_name(node), start_nodes(instances, [node]))

    async def _reconcile_runs(self, this: Round, instances: Instances) -> set[str]:
        """Start the lost nodes of open runs; return the products with a run that goes on, or that may."""
        now = self._services.now()
        found = await this.read(_OPEN_RUNS, lambda connection: open_runs(connection, now=now))
        busy: set[str] = set()
        for run in found:
            # If nobody can tell, a second coordinator could meet the run of the first.
            if await this.go_on(f"run {run.run_id}", self._is_going_on(this, run, instances)) is not False:
                busy.add(run.product)
        return busy

    async def _is_going_on(self, this: Round, run: OpenRun, instances: Instances) -> bool:
        """Start the lost nodes of a run that has an instance; return whether it has one."""
        if not await instances.is_alive(run_instance(run.run_id)):
            return False
        if run.ended:
            await instances.wake(run_instance(run.run_id), RUN_FINISHED_EVENT)
            return True
        for node in run.nodes:
            await this.go_on(_name(node), self._reconcile_node(node, instances))
        return True

    async def _reconcile_node(self, node: ClaimedNode, instances: Instances) -> None:
        if await instances.is_alive(node_instance(node.run_id, node.key)):
            return
        with about(run=node.run_id, node=node.key):
            log.warning("the node was lost; starting it again")
        await start_nodes(instances, [node])

    async def _reconcile_products(self, this: Round, instances: Instances, busy: set[str]) -> None:
        """Start the coordinators that should be there.

        A run whose coordinator was lost goes on by itself; a second one under the same instance id
        would never begin, so the next coordinator waits for its end.
        """
        now = self._services.now()
        for waiting in await this.read("waiting products", waiting_products):
            await this.transact(
                f"product {waiting.key}",
                partial(take_waiting_lease, waiting=waiting, now=now),
            )
        for key in await this.read("products at work", products_at_work):
            if key not in busy:
                await this.go_on(f"product {key}", self._reconcile_coordinator(key, instances))

    async def _reconcile_coordinator(self, key: str, instances: Instances) -> None:
        if await instances.is_alive(coordinator_instance(key)):
            return
        current = await asyncio.to_thread(
            self._services.database.read, lambda connection: get_current_product(connection, key)
        )
        with about(product=key):
            log.warning("the lease is active and there is no coordinator; starting it")
        await start_coordinator(instances, current.product)


def _name(node: ClaimedNode) -> str:
    return f"run {node.run_id}, node {node.key}"
