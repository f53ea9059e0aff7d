"""Submitting an attempt so that its job can be found whatever happens, and ending those that nobody waits for."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from activities.services import Services
from landfall import addresses
from landfall.jobs.errors import JobRefused
from landfall.jobs.protocol import IdempotencyToken, JobRunID
from landfall.jobs.tokens import idempotency_token
from landfall.log_context import about
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import Attempt
from landfall.runs.ids import RunID
from landfall.runs.pack_attempts import PackAttempt
from landfall.runs.submissions import (
    OPEN_SUBMISSION,
    Submission,
    abandoned_submissions,
    close_as_cancelled,
    close_submission,
    opened,
)
from landfall.runs.work import JobOutcome, NodeWork

log = logging.getLogger(__name__)

Record = Callable[[JobRunID, str, datetime], bool]
"""Writes which job run has taken an attempt, with its token; ``False`` says that nobody waits for it any more."""


class Submitting:
    """Safe to run twice and to die in anywhere: the token of an attempt gives one job run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def submit(
        self, work: NodeWork, attempt: Attempt | PackAttempt, spec: Mapping[str, Any], record: Record
    ) -> JobOutcome:
        """Write the spec of an attempt and submit it; ``settled`` if its node or pack has gone on without it meanwhile.

        Args:
            record: Writes which job run has taken it.

        Raises:
            LandfallError: No job run was taken, or none that is known of.
        """
        submission = Submission(
            run_id=work.run_id,
            key=work.key,
            attempt=work.attempt,
            product=attempt.product,
            timeout_s=attempt.timeout_s,
            token=idempotency_token(work.run_id, work.key, work.attempt),
        )
        self._services.lake.write_control(_spec_path(submission), json.dumps(spec))
        self._services.database.transact_one(OPEN_SUBMISSION, opened(submission, now=self._services.now()))
        job_run_id = self._ask(submission)
        if record(job_run_id, submission.token, self._services.now()):
            return JobOutcome(job_run_id=job_run_id, timeout_s=submission.timeout_s)
        self._cancel(submission, job_run_id)
        return JobOutcome(settled=True)

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
        return self._services.jobs.submit(
            self._services.lake.abfss_uri(addresses.CONTROL, _spec_path(submission)),
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


def _spec_path(submission: Submission) -> str:
    domain, name = submission.product.split("/")
    return addresses.spec_path(domain, name, submission.run_id, submission.key, submission.attempt)
