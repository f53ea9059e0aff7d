"""What a cancel sets off beyond SQL: the running jobs end, and whoever waits for them wakes."""

import asyncio
import logging
from collections.abc import Sequence

from activities.instances import Instances
from activities.services import Services
from landfall.errors import LandfallError
from landfall.jobs.protocol import JobRunID
from landfall.runs.closing import WorkingNode
from landfall.runs.ids import RUN_FINISHED_EVENT, RunID, job_finished_event, node_instance, run_instance

log = logging.getLogger(__name__)


class CancelActivities:
    """Safe to run twice: cancelling a job run that has ended does nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def cancel_jobs(self, run_id: RunID, at_work: Sequence[WorkingNode], instances: Instances) -> None:
        """Cancel the job runs of a cancelled run and wake the nodes that wait for them."""
        if not at_work:
            await instances.wake(run_instance(run_id), RUN_FINISHED_EVENT)
            return
        for node in at_work:
            if node.job_run_id is None:
                continue
            try:
                await asyncio.to_thread(self._services.jobs.cancel, JobRunID(node.job_run_id))
            except LandfallError as error:
                log.warning("run %s, node %s: job not cancelled: %s", run_id, node.key, error)
                continue
            await instances.wake(node_instance(run_id, node.key), job_finished_event(node.attempt))
