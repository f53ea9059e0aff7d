"""The Databricks Jobs API behind the ``Jobs`` protocol; the only module that calls it.

Importing it imports the Databricks SDK, which takes over a second: import it where it is used.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from databricks.sdk import WorkspaceClient
from databricks.sdk.clock import RealClock
from databricks.sdk.config import Config
from databricks.sdk.errors import (
    DeadlineExceeded,
    InternalError,
    InvalidState,
    NotFound,
    TemporarilyUnavailable,
    TooManyRequests,
)
from databricks.sdk.errors.base import DatabricksError

from landfall.errors import LandfallError
from landfall.jobs.classification import classify, failed_task, latest_attempts
from landfall.jobs.entra import EntraStrategy
from landfall.jobs.errors import JobNotAccepted, JobRefused, JobsUnreachable
from landfall.jobs.profile import DEFAULT_PROFILE, ComputeProfile
from landfall.jobs.protocol import (
    Failure,
    IdempotencyToken,
    JobOutput,
    JobRunID,
    JobRunStatus,
    JobState,
)
from landfall.settings import Settings

HTTP_TIMEOUT_S = 30
RETRY_TIMEOUT_S = 60
# The SDK sleeps in the caller's thread; beyond this the caller waits in its own way.
LONGEST_PAUSE_S = 5.0
# The hourly limit says nothing of when it ends.
FULL_S = 60.0
# The SDK's pool holds ten connections to a host; more callers would open and drop one for each call.
CALLS_AT_A_TIME = 10
LONGEST_TRACE_CHARACTERS = 4096
JOBS = "/api/2.2/jobs"
RUN_NOT_FOUND = "RUN_NOT_FOUND"

_BUSY = (TooManyRequests, InternalError, TemporarilyUnavailable, DeadlineExceeded)
# The hourly limit of new runs and the limit of saved jobs come as 400: wait long, do not give up.
_FULL = frozenset({"INVALID_STATE", "QUOTA_EXCEEDED"})


def connect(
    settings: Settings, profile: ComputeProfile = DEFAULT_PROFILE, *, patience_s: int = RETRY_TIMEOUT_S
) -> "DatabricksJobs":
    """Return the Jobs API that ``settings`` name; nothing is sent to it before the first call.

    Args:
        settings: Where it is, as whom to sign in, and the saved job if there is one.
        profile: What one-time runs and the saved job look like.
        patience_s: Seconds for which a call is repeated while the workspace is busy or does not answer.
    """
    return DatabricksJobs(settings, profile, patience_s)


class DatabricksJobs:
    """Job runs of one workspace. Any number of threads may call it.

    It never waits for a job run: the SDK's waiters block a thread for the length of the job and return normally for
    a run that failed.
    """

    def __init__(self, settings: Settings, profile: ComputeProfile, patience_s: int) -> None:
        self._settings = settings
        self._patience_s = patience_s
        self._profile = profile
        self._client: WorkspaceClient | None = None
        self._connecting = threading.Lock()
        self._turn = threading.BoundedSemaphore(CALLS_AT_A_TIME)

    def connect(self) -> None:
        """Build the client now instead of at the first call; it asks the workspace who it is."""
        with self._translated("connect", None):
            self._workspace()

    def submit(self, spec_uri: str, *, token: IdempotencyToken, run_name: str, timeout_s: int) -> JobRunID:
        """Start a job run for a node spec; the same token gives the same job run, whatever became of it.

        With a saved job in the settings the run is one of that job, which then gives the name and the time-out:
        ``run_name`` and ``timeout_s`` count for one-time runs only, and the caller keeps a deadline of its own.

        Args:
            spec_uri: Address of the node spec.
            token: Must be different for each attempt.
            run_name: Shown in the workspace.
            timeout_s: Seconds until the platform ends the run, 0 for never.

        Raises:
            JobNotAccepted: The workspace is busy or full; try again with the same token.
            JobsUnreachable: No answer came, so the job may run; try again with the same token.
            JobRefused: It will never be taken.
        """
        if self._settings.job_id is not None:
            path = "run-now"
            body: dict[str, Any] = {
                "job_id": self._settings.job_id,
                "job_parameters": {"spec_uri": spec_uri},
                "idempotency_token": token,
            }
        else:
            path = "runs/submit"
            body = self._profile.one_time_run(spec_uri, run_name=run_name, timeout_s=timeout_s)
            body["idempotency_token"] = token
        answer = self._call("POST", path, f"start job run {run_name!r}", body=body, submitting=run_name)
        return JobRunID(int(answer["run_id"]))

    def status(self, job_run_id: JobRunID) -> JobRunStatus:
        """Return how a job run stands; a state nobody knows counts as still going on.

        A job run that the workspace no longer knows has failed for reasons of infrastructure: deleted or expired.

        Raises:
            JobsUnreachable: No answer came; the job run goes on meanwhile.
            JobRefused: The call is not allowed.
        """
        try:
            return classify(self._get_run(job_run_id, "look at"))
        except JobRefused as error:
            if isinstance(error.__cause__, NotFound):
                return JobRunStatus(
                    state=JobState.FAILED,
                    failure=Failure.INFRASTRUCTURE,
                    code=RUN_NOT_FOUND,
                    message=f"Databricks does not know job run {job_run_id} any more: {error.reason}",
                )
            raise

    def cancel(self, job_run_id: JobRunID) -> None:
        """Ask for the end of a job run; one that has ended stays as it is.

        Returns when the wish is known, which is before the job has ended.

        Raises:
            JobsUnreachable: No answer came.
            JobRefused: The workspace does not know the job run, or the call is not allowed.
        """
        self._call("POST", "runs/cancel", f"cancel job run {job_run_id}", body={"run_id": job_run_id})

    def output(self, job_run_id: JobRunID) -> JobOutput:
        """Return what the failed task of a job run printed, or its last task if none failed.

        The platform keeps the last 5 MB of the logs; a job run that has not ended shows none.

        Raises:
            JobsUnreachable: No answer came.
            JobRefused: The workspace does not know the job run, or the call is not allowed.
        """
        run = self._get_run(job_run_id, "read the output of")
        tasks = latest_attempts(run)
        task = failed_task(run) or (tasks[-1] if tasks else None)
        if task is None:
            return JobOutput(error=None, error_trace=None, logs="")
        # Output belongs to tasks: the id of the run is refused here.
        answer = self._call(
            "GET",
            "runs/get-output",
            f"read the output of job run {job_run_id}",
            query={"run_id": task["run_id"]},
        )
        trace = answer.get("error_trace")
        return JobOutput(
            error=answer.get("error"),
            error_trace=trace[-LONGEST_TRACE_CHARACTERS:] if trace else None,
            logs=answer.get("logs") or "",
        )

    def ensure_job(self) -> int:
        """Create the saved job of the compute profile, or set it anew if it is there, and return its id.

        Raises:
            JobsUnreachable: No answer came.
            JobRefused: The identity may not manage jobs.
        """
        name, settings = self._profile.name, self._profile.saved_job()
        # Plain dictionaries instead of the SDK's classes: what is sent is what the API page shows.
        found = self._call("GET", "list", f"look for job {name!r}", query={"name": name}).get("jobs") or []
        if not found:
            return int(self._call("POST", "create", f"create job {name!r}", body=settings)["job_id"])
        # Names are not unique; the oldest is the one that app settings refer to.
        job_id = min(int(job["job_id"]) for job in found)
        self._call("POST", "reset", f"reset job {name!r}", body={"job_id": job_id, "new_settings": settings})
        return job_id

    def describe(self) -> str:
        """Return in words that the workspace answers, and the saved job if there is one.

        Raises:
            JobsUnreachable: No answer came.
            JobRefused: There is no such job, or the identity may not see it.
        """
        host, job_id = self._settings.databricks_host, self._settings.job_id
        if job_id is None:
            self._call("GET", "list", "list jobs", query={"limit": 1})
            return f"{host}, one-time runs"
        job = self._call("GET", "get", f"look for job {job_id}", query={"job_id": job_id})
        return f"{host}, job {job_id} ({(job.get('settings') or {}).get('name', 'without a name')})"

    def _get_run(self, job_run_id: JobRunID, purpose: str) -> Mapping[str, Any]:
        # The plain document: the SDK's classes turn a value that they do not know into None.
        return self._call("GET", "runs/get", f"{purpose} job run {job_run_id}", query={"run_id": job_run_id})

    def _call(
        self,
        method: str,
        path: str,
        purpose: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        submitting: str | None = None,
    ) -> dict[str, Any]:
        with self._turn, self._translated(purpose, submitting):
            answer = self._workspace().api_client.do(method, f"{JOBS}/{path}", query=query, body=body)
        return cast(dict[str, Any], answer)

    def _workspace(self) -> WorkspaceClient:
        with self._connecting:
            if self._client is None:
                self._client = WorkspaceClient(config=_config(self._settings, self._patience_s))
            return self._client

    @contextmanager
    def _translated(self, purpose: str, submitting: str | None) -> Iterator[None]:
        """Turn what the SDK raises into our errors."""
        host = self._settings.databricks_host
        try:
            yield
        except LandfallError:
            raise
        except DatabricksError as error:
            reason = _reason(error)
            # Without a class of its own it is a status that the SDK does not know, such as 502 of a proxy.
            busy = isinstance(error, _BUSY) or type(error) is DatabricksError
            full = isinstance(error, InvalidState) or error.error_code in _FULL
            if submitting is not None and (busy or full):
                raise JobNotAccepted(submitting, reason, FULL_S if full else _retry_after_s(error)) from error
            if busy:
                raise JobsUnreachable(host, purpose, reason) from error
            raise JobRefused(purpose, error.error_code, reason) from error
        except TimeoutError as error:
            # The SDK has lost its patience; what it met last is the cause.
            if submitting is not None and isinstance(error.__cause__, DatabricksError):
                cause = error.__cause__
                raise JobNotAccepted(submitting, _reason(cause), _retry_after_s(cause)) from error
            raise JobsUnreachable(host, purpose, str(error.__cause__ or error)) from error
        except _LongPause as pause:
            # The call was throttled; the SDK would have slept through what it was told to wait.
            if submitting is not None:
                raise JobNotAccepted(submitting, "too many requests", pause.seconds) from pause
            raise JobsUnreachable(host, purpose, "too many requests") from pause
        except OSError as error:
            raise JobsUnreachable(host, purpose, str(error)) from error


class _LongPause(Exception):
    """The SDK was about to sleep for longer than a thread should."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:g} s")
        self.seconds = seconds


class _Clock(RealClock):
    """The SDK's clock, which refuses to sleep for long: whoever calls can wait without a thread."""

    def sleep(self, seconds: float) -> None:
        if seconds > LONGEST_PAUSE_S:
            raise _LongPause(seconds)
        super().sleep(seconds)


def _retry_after_s(error: DatabricksError) -> float:
    """Return for how long Databricks asks to wait, 0 if it says nothing."""
    return float(getattr(error, "retry_after_secs", None) or 0)


def _config(settings: Settings, patience_s: int) -> Config:
    options: dict[str, Any] = {
        "host": settings.databricks_host,
        "http_timeout_seconds": HTTP_TIMEOUT_S,
        "retry_timeout_seconds": patience_s,
        "product": "landfall",
        "clock": _Clock(),
    }
    if settings.databricks_token is not None:
        return Config(token=settings.databricks_token, auth_type="pat", **options)
    return Config(credentials_strategy=EntraStrategy(_credential(settings)), **options)


def _credential(settings: Settings) -> Any:
    from azure.identity import DefaultAzureCredential

    # In Azure it finds the managed identity, elsewhere the developer's sign-in.
    return DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)


def _reason(error: BaseException) -> str:
    # For 401 and 403 the SDK appends the client's configuration, which is no business of whoever reads this.
    text = str(error).partition(". Config:")[0]
    return text or type(error).__name__
