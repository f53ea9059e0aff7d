"""One suite for the Jobs API in memory and for the real client on the real server, then what only the client has."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from databricks.sdk.config import Config

from landfall.errors import ErrorKind
from landfall.jobs.client import connect
from landfall.jobs.entra import DATABRICKS_SCOPE, EntraStrategy
from landfall.jobs.errors import JobNotAccepted, JobRefused, JobsUnreachable
from landfall.jobs.profile import ComputeProfile
from landfall.jobs.protocol import Failure, JobOutput, JobRunID, JobRunStatus, Jobs, JobState
from landfall.jobs.tokens import idempotency_token
from landfall.settings import Settings
from tests.contract.jobs_server.serving import PACKAGE, Server, wait_until
from tests.fakes.jobs import NO_OUTPUT, FakeJobs, failed

PROFILE = ComputeProfile(name="landfall-tests", package_name=PACKAGE, entry_point="run")
OK, FAIL, WAIT, DIE = "test://ok", "test://fail", "test://wait", "test://die"


def settings_for(url: str, token: str, job_id: int | None = None) -> Settings:
    return Settings.from_environment(
        {
            "LANDFALL_DATABASE_URL": "sqlite://",
            "LANDFALL_STORAGE_ACCOUNT": "lake",
            "DATABRICKS_HOST": url,
            "DATABRICKS_TOKEN": token,
            "LANDFALL_JOB_ID": str(job_id or ""),
        }
    )


class SelfEndingJobs(FakeJobs):
    """The fake, whose job runs end at once as their spec says, like the test package's on the server."""

    def status(self, job_run_id: JobRunID) -> JobRunStatus:
        match self.specs.get(job_run_id):
            case "test://ok":
                self.end(job_run_id)
            case "test://fail":
                output = JobOutput("ValueError: the input is wrong: café", "Traceback …", "about to fail\n")
                self.end(job_run_id, failed(), output)
            case "test://die":
                self.end(job_run_id, failed(Failure.INFRASTRUCTURE, "DRIVER_ERROR"), NO_OUTPUT)
        return super().status(job_run_id)


@pytest.fixture(scope="session")
def saved_job(shared_server: Server) -> int:
    return connect(settings_for(shared_server.url, shared_server.token), PROFILE).ensure_job()


@pytest.fixture(params=["in memory", "saved job", "one-time runs"])
def jobs(request: pytest.FixtureRequest) -> Iterator[Jobs]:
    if request.param == "in memory":
        yield SelfEndingJobs()
        return
    server: Server = request.getfixturevalue("server")
    job_id = request.getfixturevalue("saved_job") if request.param == "saved job" else None
    yield connect(settings_for(server.url, server.token, job_id), PROFILE, patience_s=3)


@pytest.fixture
def submit(jobs: Jobs, request: pytest.FixtureRequest) -> Callable[..., JobRunID]:
    def start(spec_uri: str, attempt: int = 1) -> JobRunID:
        token = idempotency_token(request.node.name, "node", attempt)
        return jobs.submit(spec_uri, token=token, run_name="tests/orders node", timeout_s=60)

    return start


Submit = Callable[..., JobRunID]


def end_of(jobs: Jobs, job_run_id: JobRunID) -> JobRunStatus:
    def look() -> JobRunStatus | None:
        status = jobs.status(job_run_id)
        return None if status.state in {JobState.QUEUED, JobState.PENDING, JobState.RUNNING} else status

    return wait_until(look)


def test_a_job_run_succeeds(jobs: Jobs, submit: Submit) -> None:
    status = end_of(jobs, submit(OK))

    assert (status.state, status.failure, status.code) == (JobState.SUCCEEDED, None, "SUCCESS")


def test_a_failure_of_the_code_is_the_users(jobs: Jobs, submit: Submit) -> None:
    job_run_id = submit(FAIL)

    status = end_of(jobs, job_run_id)
    output = jobs.output(job_run_id)

    assert (status.state, status.failure, status.code) == (
        JobState.FAILED,
        Failure.USER,
        "RUN_EXECUTION_ERROR",
    )
    assert output.error == "ValueError: the input is wrong: café"
    assert (output.error_trace or "").startswith("Traceback")
    assert output.logs.startswith("about to fail")


def test_a_lost_process_is_a_failure_of_the_infrastructure(jobs: Jobs, submit: Submit) -> None:
    status = end_of(jobs, submit(DIE))

    assert (status.failure, status.code) == (Failure.INFRASTRUCTURE, "DRIVER_ERROR")


def test_the_same_token_gives_the_same_job_run(jobs: Jobs, submit: Submit) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: submit(WAIT), range(8)))

    assert len(found) == 1
    assert submit(WAIT, attempt=2) not in found


def test_the_token_of_a_failed_job_run_gives_it_again(jobs: Jobs, submit: Submit) -> None:
    first = submit(FAIL)
    end_of(jobs, first)

    assert submit(FAIL) == first
    assert jobs.status(first).state is JobState.FAILED


def test_a_cancelled_job_run_ends(jobs: Jobs, submit: Submit) -> None:
    job_run_id = submit(WAIT)

    jobs.cancel(job_run_id)

    status = end_of(jobs, job_run_id)
    assert (status.state, status.failure) == (JobState.CANCELLED, Failure.CANCELLED)


def test_cancelling_what_has_ended_changes_nothing(jobs: Jobs, submit: Submit) -> None:
    job_run_id = submit(OK)
    before = end_of(jobs, job_run_id)

    jobs.cancel(job_run_id)

    assert jobs.status(job_run_id) == before


def test_an_unknown_job_run_is_lost(jobs: Jobs) -> None:
    status = jobs.status(JobRunID(5))

    assert (status.state, status.failure, status.code) == (
        JobState.FAILED,
        Failure.INFRASTRUCTURE,
        "RUN_NOT_FOUND",
    )
    with pytest.raises(JobRefused):
        jobs.cancel(JobRunID(5))
    with pytest.raises(JobRefused):
        jobs.output(JobRunID(5))


# The client alone

RUN_NOW = "/api/2.2/jobs/run-now"
RUNS_GET = "/api/2.2/jobs/runs/get"
A_TOKEN = idempotency_token("r1", "node", 1)


@pytest.fixture
def settings(server: Server, saved_job: int) -> Settings:
    return settings_for(server.url, server.token, saved_job)


def test_nothing_is_sent_before_the_first_call(settings: Settings) -> None:
    connect(replace(settings, databricks_host="http://127.0.0.1:1"))


def test_the_saved_job_is_made_once_and_then_set_anew(
    server: Server, settings: Settings, saved_job: int
) -> None:
    assert connect(settings, replace(PROFILE, timeout_s=90)).ensure_job() == saved_job
    changed = server.client().jobs.get(saved_job).settings.timeout_seconds
    connect(settings, PROFILE).ensure_job()

    assert changed == 90


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}),
        (500, {"error_code": "INTERNAL_ERROR", "message": "broken"}),
        (502, {"message": "bad gateway"}),
        (504, {"message": "too late"}),
        (400, {"error_code": "INVALID_STATE", "message": "too many jobs this hour"}),
        (400, {"error_code": "QUOTA_EXCEEDED", "message": "too many saved jobs"}),
    ],
)
def test_a_full_workspace_may_take_the_job_later(
    server: Server, settings: Settings, status: int, body: dict[str, str]
) -> None:
    server.inject(RUN_NOW, status=status, body=body, times=-1)

    with pytest.raises(JobNotAccepted, match=body["message"]) as error:
        connect(settings, PROFILE, patience_s=1).submit(OK, token=A_TOKEN, run_name="n", timeout_s=0)

    assert error.value.retryable


@pytest.mark.parametrize(
    ("status", "code"), [(400, "INVALID_PARAMETER_VALUE"), (403, "PERMISSION_DENIED"), (404, "NOT_FOUND")]
)
def test_a_refusal_is_final(server: Server, settings: Settings, status: int, code: str) -> None:
    server.inject(RUN_NOW, status=status, body={"error_code": code, "message": "no"})

    with pytest.raises(JobRefused) as error:
        connect(settings, PROFILE).submit(OK, token=A_TOKEN, run_name="n", timeout_s=0)

    assert not error.value.retryable
    assert error.value.error_code == code
    # What the SDK knows about its configuration stays out of messages.
    assert settings.databricks_host not in str(error.value)


def test_a_lost_answer_to_a_submit_starts_one_job_run(server: Server, settings: Settings) -> None:
    unavailable = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "not now"}
    server.inject(RUN_NOW, status=503, body=unavailable, moment="after")
    token = idempotency_token("lost answer", "node", 1)
    jobs = connect(settings, PROFILE)

    first = jobs.submit(OK, token=token, run_name="n", timeout_s=0)

    assert jobs.submit(OK, token=token, run_name="n", timeout_s=0) == first
    assert len(server.requests(RUN_NOW)) == 3


def test_a_server_that_is_down_is_unreachable(settings: Settings) -> None:
    jobs = connect(replace(settings, databricks_host="http://127.0.0.1:1"), PROFILE, patience_s=1)

    with pytest.raises(JobsUnreachable, match="landfall status") as error:
        jobs.status(JobRunID(1))

    assert error.value.retryable
    assert error.value.kind is ErrorKind.UNREACHABLE


def test_a_server_error_while_looking_is_unreachable(server: Server, settings: Settings) -> None:
    server.inject(RUNS_GET, status=500, body={"message": "broken"})

    with pytest.raises(JobsUnreachable, match="broken"):
        connect(settings, PROFILE).status(JobRunID(1))


def test_an_unknown_termination_code_is_no_success(server: Server, settings: Settings) -> None:
    document = {"run_id": 1, "status": {"state": "TERMINATED", "termination_details": {"code": "NEW_CODE"}}}
    server.inject(RUNS_GET, status=200, body=document)

    status = connect(settings, PROFILE).status(JobRunID(1))

    assert (status.state, status.failure, status.code) == (
        JobState.FAILED,
        Failure.INFRASTRUCTURE,
        "NEW_CODE",
    )


class StubCredential:
    """A credential that signs in, or cannot."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self.scopes: tuple[str, ...] = ()

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes = scopes
        if self._token is None:
            raise ClientAuthenticationError("no identity on this machine")
        return AccessToken(self._token, 0)


def test_entra_tokens_sign_each_request(server: Server) -> None:
    credential = StubCredential("entra-token")
    config = Config(host=server.url, credentials_strategy=EntraStrategy(credential))

    assert config.authenticate() == {"Authorization": "Bearer entra-token"}
    assert credential.scopes == (DATABRICKS_SCOPE,)


def test_a_failed_sign_in_is_ours(server: Server) -> None:
    config = Config(host=server.url, credentials_strategy=EntraStrategy(StubCredential(None)))

    with pytest.raises(JobsUnreachable, match="no identity on this machine"):
        config.authenticate()
