"""What a cancel sets off beyond SQL: the running jobs end, and whoever waits for them wakes."""

import asyncio
import logging

from activities.instances import Instances
from activities.runs import start_nodes
from activities.services import Services
from landfall.errors import LandfallError
from landfall.jobs.protocol import JobRunID
from landfall.log_context import about
from landfall.runs.closing import CancelledRun, WorkingNode
from landfall.runs.ids import RUN_FINISHED_EVENT, RunID, job_finished_event, node_instance, run_instance

log = logging.getLogger(__name__)


class CancelActivities:
    """Safe to run twice: cancelling a job run that has ended does nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def cancel_jobs(self, run: CancelledRun, instances: Instances) -> None:
        """Cancel the job runs of a cancelled run and wake the nodes that wait for them."""
        await start_nodes(instances, run.start)
        if not run.at_work:
            await instances.wake(run_instance(run.run_id), RUN_FINISHED_EVENT)
            return
        # All at once: a run with many jobs ends as soon as one with a single job.
        await asyncio.gather(*(self._cancel_job(run.run_id, node, instances) for node in run.at_work))

    async def _cancel_job(self, run_id: RunID, node: WorkingNode, instances: Instances) -> None:
        if node.job_run_id is None:
            return
        try:
            await asyncio.to_thread(self._services.jobs.cancel, JobRunID(node.job_run_id))
        except LandfallError as error:
            # Reconcile tries again as long as the node is at work.
            with about(run=run_id, node=node.key):
                log.warning("job not cancelled: %s", error)
            return
        await instances.wake(node_instance(run_id, node.key), job_finished_event(node.attempt))
