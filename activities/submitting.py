"""Submitting an attempt so that its job can be found whatever happens, and ending those that nobody waits for."""

import logging
from collections.abc import Callable
from datetime import datetime

from activities.services import Services
from landfall import addresses
from landfall.jobs.errors import JobRefused
from landfall.jobs.protocol import IdempotencyToken, JobRunID
from landfall.log_context import about
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.submissions import (
    OPEN_SUBMISSION,
    Submission,
    abandoned_submissions,
    close_as_cancelled,
    close_submission,
    opened,
)

log = logging.getLogger(__name__)


class Submitting:
    """Safe to run twice and to die in anywhere: the token of an attempt gives one job run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def submit(self, submission: Submission, record: Callable[[JobRunID, datetime], bool]) -> JobRunID | None:
        """Submit an attempt whose spec is written; ``None`` if its node or pack has gone on without it meanwhile.

        Args:
            record: Writes which job run has taken it; ``False`` says that nobody waits for it any more.

        Raises:
            LandfallError: No job run was taken, or none that is known of.
        """
        now = self._services.now()
        self._services.database.transact_one(OPEN_SUBMISSION, opened(submission, now=now))
        job_run_id = self._ask(submission)
        taken_at = self._services.now()
        if record(job_run_id, taken_at):
            return job_run_id
        self._cancel(submission, job_run_id)
        return None

    def end_earlier(self, run_id: RunID, key: NodeKey | None = None) -> None:
        """End what earlier attempts of a node, or all of a run, may have left running, before the next one begins.

        Raises:
            LandfallError: The Jobs API does not answer.
        """
        for submission in self._services.database.read(
            lambda connection: abandoned_submissions(connection, run_id, key)
        ):
            self.end(submission)

    def end(self, submission: Submission) -> None:
        """Find the job of an abandoned submission and cancel it.

        Asking for the same token is the one way that finds it for certain. If it was never taken it is taken now,
        and cancelled before it has begun.

        Raises:
            LandfallError: The Jobs API does not answer, or takes nothing now.
        """
        with about(run=submission.run_id, node=submission.key, product=submission.product):
            self._end(submission)

    def _end(self, submission: Submission) -> None:
        try:
            job_run_id = self._ask(submission)
        except JobRefused as error:
            log.warning("%s, attempt %d: no job to end: %s", submission.run_name, submission.attempt, error)
            self._services.database.transact(
                lambda connection: close_submission(
                    connection, submission.run_id, submission.key, submission.attempt
                )
            )
            return
        self._cancel(submission, job_run_id)

    def _ask(self, submission: Submission) -> JobRunID:
        domain, name = submission.product.split("/")
        path = addresses.spec_path(domain, name, submission.run_id, submission.key, submission.attempt)
        return self._services.jobs.submit(
            self._services.lake.abfss_uri(addresses.CONTROL, path),
            token=IdempotencyToken(submission.token),
            run_name=submission.run_name,
            timeout_s=submission.timeout_s,
        )

    def _cancel(self, submission: Submission, job_run_id: JobRunID) -> None:
        try:
            self._services.jobs.cancel(job_run_id)
        except JobRefused as error:
            log.warning("job run %d is nothing to cancel: %s", job_run_id, error)
        else:
            log.warning("%s: cancelled job run %d, nobody waits for it", submission.run_name, job_run_id)
        now = self._services.now()
        self._services.database.transact(
            lambda connection: close_as_cancelled(connection, submission, job_run_id, now=now)
        )
