"""Who may call, what errors look like, and how the SDK takes them."""

import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from databricks.sdk.errors import (
    BadRequest,
    DeadlineExceeded,
    InternalError,
    InvalidParameterValue,
    NotFound,
    ResourceDoesNotExist,
    TooManyRequests,
    Unauthenticated,
)

from tests.contract.jobs_server.serving import Client, Server, ended, submit, wheel_task

RUNS_GET = "/api/2.2/jobs/runs/get"
SUBMIT = "/api/2.2/jobs/runs/submit"
THROTTLED = {"error_code": "RESOURCE_EXHAUSTED", "message": "slow down"}
UNAVAILABLE = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "not now"}


def runs_named(client: Client, name: str) -> list[int | None]:
    return [run.run_id for run in client.jobs.list_runs() if run.run_name == name]


def test_the_host_describes_itself_to_strangers(server: Server) -> None:
    with urlopen(server.url + "/.well-known/databricks-config") as answer:  # noqa: S310
        assert answer.status == 200

    config = server.client().config

    assert config.workspace_id is not None
    assert config.is_azure


def test_me_is_a_scim_user(server: Server, client: Client) -> None:
    assert client.current_user.me().active
    assert client.get_workspace_id() > 0


def test_a_wrong_token_is_refused(server: Server) -> None:
    with pytest.raises(Unauthenticated):
        server.client(token="wrong").jobs.get_run(1)


def test_a_foreign_host_name_is_refused(server: Server) -> None:
    request = Request(server.url + "/.well-known/databricks-config", headers={"Host": "evil.example"})  # noqa: S310

    with pytest.raises(HTTPError) as refused:
        urlopen(request)  # noqa: S310

    assert refused.value.code == 403


def test_the_token_file_is_private(server: Server) -> None:
    assert (server.data.parent / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/2.0/nope"), ("DELETE", RUNS_GET)])
def test_an_unknown_endpoint_says_so(client: Client, method: str, path: str) -> None:
    with pytest.raises(NotFound) as refused:
        client.api_client.do(method, path)

    assert refused.value.error_code == "ENDPOINT_NOT_FOUND"


def test_an_unknown_run_does_not_exist(client: Client) -> None:
    with pytest.raises(ResourceDoesNotExist, match="Run 5 does not exist"):
        client.jobs.get_run(5)


def test_a_run_id_that_is_no_number_is_refused(client: Client) -> None:
    with pytest.raises(InvalidParameterValue) as refused:
        client.api_client.do("GET", RUNS_GET, query={"run_id": "abc"})

    assert "unable to parse" not in str(refused.value)


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    request = Request(  # noqa: S310
        server.url + SUBMIT, data=b"{", headers={"Authorization": f"Bearer {server.token}"}
    )

    with pytest.raises(HTTPError) as refused:
        urlopen(request)  # noqa: S310

    assert refused.value.code == 400
    assert b"MALFORMED_REQUEST" in refused.value.read()


def test_a_body_over_ten_megabytes_is_refused(client: Client) -> None:
    with pytest.raises((BadRequest, OSError)):
        client.api_client.do("POST", SUBMIT, body={"run_name": "x" * (11 << 20)})


def test_throttling_is_waited_out(server: Server, client: Client) -> None:
    server.inject(SUBMIT, status=429, body=THROTTLED, headers={"Retry-After": "1"}, times=1)
    started_at = time.monotonic()

    submit(client, wheel_task("ok"))

    assert time.monotonic() - started_at >= 1
    assert [request["status"] for request in server.requests(SUBMIT)] == [429, 200]


def test_endless_throttling_is_a_timeout(server: Server) -> None:
    client = server.client(retry_timeout_seconds=2)
    server.inject(SUBMIT, status=429, body=THROTTLED, times=-1)

    with pytest.raises(TimeoutError) as given_up:
        submit(client, wheel_task("ok"))

    assert isinstance(given_up.value.__cause__, TooManyRequests)


@pytest.mark.parametrize(("status", "error"), [(500, InternalError), (504, DeadlineExceeded)])
def test_the_sdk_does_not_repeat_a_server_error(
    server: Server, client: Client, status: int, error: type[Exception]
) -> None:
    server.inject(SUBMIT, status=status, body={"message": "broken"})

    with pytest.raises(error):
        submit(client, wheel_task("ok"))

    assert len(server.requests(SUBMIT)) == 1


def test_a_lost_response_with_a_token_leaves_one_run(server: Server, client: Client) -> None:
    server.inject(SUBMIT, status=503, body=UNAVAILABLE, moment="after")

    run_id = submit(client, wheel_task("ok"), run_name="lost, with token", idempotency_token="lost-with")

    assert runs_named(client, "lost, with token") == [run_id]


def test_a_lost_response_without_a_token_leaves_two_runs(server: Server, client: Client) -> None:
    server.inject(SUBMIT, status=503, body=UNAVAILABLE, moment="after")

    submit(client, wheel_task("ok"), run_name="lost, without token")

    assert len(runs_named(client, "lost, without token")) == 2


def test_a_dropped_connection_with_a_token_leaves_one_run(server: Server, client: Client) -> None:
    server.inject(SUBMIT, drop=True, moment="after")

    run_id = submit(client, wheel_task("ok"), run_name="dropped", idempotency_token="dropped")

    assert runs_named(client, "dropped") == [run_id]


def test_a_fault_can_spare_the_first_requests_and_delay(server: Server, client: Client) -> None:
    run_id = submit(client, wheel_task("ok"))
    server.inject(RUNS_GET, method="GET", skip=1, delay_s=0.3)
    durations = []

    for _ in range(3):
        started_at = time.monotonic()
        client.jobs.get_run(run_id)
        durations.append(time.monotonic() - started_at)

    assert [duration >= 0.3 for duration in durations] == [False, True, False]


def test_the_journal_holds_no_token(server: Server, client: Client) -> None:
    submit(client, wheel_task("ok"))

    journal = server.call("GET", "/__loopback/requests")

    assert server.token not in str(journal)
    assert journal["requests"][-1]["body"]["tasks"][0]["task_key"] == "node"


def test_looking_at_a_run_is_quick(client: Client) -> None:
    run = ended(client, submit(client, wheel_task("ok")))
    durations = []

    for _ in range(100):
        started_at = time.perf_counter()
        client.api_client.do("GET", RUNS_GET, query={"run_id": run.run_id})
        durations.append(time.perf_counter() - started_at)

    # A reply held back by Nagle's algorithm would take 40 ms.
    assert sorted(durations)[50] < 0.02
