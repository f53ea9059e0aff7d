"""What the activities of a node and those of a pack make of a job run that ended without a result to go by."""

import logging
from dataclasses import replace

from activities.services import Services
from landfall.errors import LandfallError
from landfall.jobs.protocol import JobRunID
from landfall.runs.node_result import UnreadableResult
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.runs.work import JobEnd, JobOutcome

log = logging.getLogger(__name__)


def explained(services: Services, outcome: JobOutcome) -> JobOutcome:
    """Add what the job printed last to a failure that left no result; the platform only says that it failed."""
    if outcome.end is not JobEnd.FAILED or outcome.job_run_id is None:
        return outcome
    try:
        error = services.jobs.output(JobRunID(outcome.job_run_id)).error
    except LandfallError as unavailable:
        log.warning("job run %d: no output: %s", outcome.job_run_id, unavailable)
        return outcome
    return replace(outcome, reason=error) if error else outcome


def unreadable(error: UnreadableResult) -> Verdict:
    """Return the verdict on a node whose result cannot be read."""
    return Verdict(NodeState.FAILED, error_code=error.code, reason=str(error))
