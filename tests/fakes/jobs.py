"""The Jobs API in memory: it behaves like a workspace whose job runs end when the test says so."""

from collections.abc import Mapping
from threading import Lock

from landfall.errors import LandfallError
from landfall.jobs.errors import JobRefused
from landfall.jobs.protocol import (
    Failure,
    IdempotencyToken,
    JobOutput,
    JobRunID,
    JobRunStatus,
    JobState,
)

SUCCEEDED = JobRunStatus(JobState.SUCCEEDED, code="SUCCESS")
RUNNING = JobRunStatus(JobState.RUNNING)
CANCELLED = JobRunStatus(
    JobState.CANCELLED, Failure.CANCELLED, code="USER_CANCELED", message="Run cancelled."
)
NO_OUTPUT = JobOutput(error=None, error_trace=None, logs="")


def failed(failure: Failure = Failure.USER, code: str = "RUN_EXECUTION_ERROR") -> JobRunStatus:
    return JobRunStatus(JobState.FAILED, failure, code=code, message="Workload failed.")


class FakeJobs:
    """A token seen before gives the job run it gave then; a job run that has ended stays as it is.

    Attributes:
        started: The job run of each token.
        specs: The node spec of each job run, in the order in which they started.
    """

    def __init__(self, status_at_start: JobRunStatus = RUNNING) -> None:
        self.started: dict[IdempotencyToken, JobRunID] = {}
        self.specs: dict[JobRunID, str] = {}
        self._status_at_start = status_at_start
        self._statuses: dict[JobRunID, JobRunStatus] = {}
        self._outputs: dict[JobRunID, JobOutput] = {}
        self._failures: list[LandfallError] = []
        self._lock = Lock()

    @property
    def statuses(self) -> Mapping[JobRunID, JobRunStatus]:
        return self._statuses

    def submit(self, spec_uri: str, *, token: IdempotencyToken, run_name: str, timeout_s: int) -> JobRunID:
        self._fail_if_told()
        with self._lock:
            if token not in self.started:
                job_run_id = JobRunID(len(self.started) + 1)
                self.started[token] = job_run_id
                self.specs[job_run_id] = spec_uri
                self._statuses[job_run_id] = self._status_at_start
            return self.started[token]

    def status(self, job_run_id: JobRunID) -> JobRunStatus:
        self._fail_if_told()
        missing = JobRunStatus(JobState.FAILED, Failure.INFRASTRUCTURE, code="RUN_NOT_FOUND")
        return self._statuses.get(job_run_id, missing)

    def cancel(self, job_run_id: JobRunID) -> None:
        self._fail_if_told()
        self._refuse_unknown(job_run_id)
        if self._goes_on(job_run_id):
            self._statuses[job_run_id] = CANCELLED

    def output(self, job_run_id: JobRunID) -> JobOutput:
        self._fail_if_told()
        self._refuse_unknown(job_run_id)
        return self._outputs.get(job_run_id, NO_OUTPUT)

    # What a test does to the workspace

    def end(
        self, job_run_id: JobRunID, status: JobRunStatus = SUCCEEDED, output: JobOutput = NO_OUTPUT
    ) -> None:
        """Let a job run end; one that has ended already stays as it is."""
        if self._goes_on(job_run_id):
            self._statuses[job_run_id] = status
            self._outputs[job_run_id] = output

    def fail_next(self, *errors: LandfallError) -> None:
        """Let the next calls fail, one error each, whatever they are."""
        self._failures.extend(errors)

    def _goes_on(self, job_run_id: JobRunID) -> bool:
        return self._statuses[job_run_id].failure is None and self._statuses[job_run_id] != SUCCEEDED

    def _fail_if_told(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    def _refuse_unknown(self, job_run_id: JobRunID) -> None:
        if job_run_id not in self._statuses:
            raise JobRefused(f"job run {job_run_id}", "INVALID_PARAMETER_VALUE", "does not exist")
