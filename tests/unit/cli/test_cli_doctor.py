"""`landfall doctor`: every service it asks, well and broken, and what it says to do then."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from azure.core.exceptions import ClientAuthenticationError

from landfall.checking import Finding, check_services, has_no_token
from landfall.jobs.errors import JobsUnreachable
from landfall.metadata.engine import Database
from landfall.settings import Settings
from tests.loopback import PATIENCE_S
from tests.unit.cli.conftest import Command

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def settings(database: Database, project: Path) -> Settings:
    """Settings by which the database answers, and nothing else."""
    return Settings(
        database_url=f"sqlite:///{project}/.landfall/landfall.db",
        storage_account="devstoreaccount1",
        blob_endpoint=f"{NOWHERE}/devstoreaccount1",
        storage_key="a2V5",
        databricks_host=NOWHERE,
        databricks_token="token",
        job_id=7,
        functions_url=NOWHERE,
        functions_audience=None,
        managed_identity_client_id=None,
    )


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_services(settings, patience_s=PATIENCE_S)}


def test_what_does_not_answer_is_told_with_a_remedy_and_hides_nothing_else(settings: Settings) -> None:
    findings = found(replace(settings, database_url="sqlite:////no/such/folder/landfall.db"))

    assert list(findings) == ["database", "storage", "databricks", "function app"]
    assert [finding.ok for finding in findings.values()] == [False] * 4
    assert all(finding.remedy for finding in findings.values())
    assert "LF4202" in findings["storage"].found
    assert "LF4003" in findings["databricks"].found
    assert "LF6302" in findings["function app"].found


def test_who_is_not_signed_in_is_told_apart_from_who_does_not_get_through() -> None:
    unreachable = JobsUnreachable(NOWHERE, "sign in with Entra ID", "no credential gave a token")
    assert not has_no_token(unreachable)

    unreachable.__cause__ = ClientAuthenticationError("no credential gave a token")

    assert has_no_token(unreachable)


def test_a_database_of_another_revision_is_to_be_upgraded(settings: Settings, tmp_path: Path) -> None:
    with answering(404) as url:
        quick = replace(
            settings, blob_endpoint=f"{url}/devstoreaccount1", databricks_host=url, functions_url=url
        )
        well = found(quick)["database"]
        empty = found(replace(quick, database_url=f"sqlite:///{tmp_path}/empty.db"))["database"]

    assert well.ok

    assert (empty.ok, empty.remedy) == (False, "run `landfall db upgrade`")


@pytest.mark.parametrize(
    ("check", "status", "code"),
    [
        ("storage", 403, "LF4203"),
        ("databricks", 404, "LF4002"),
        ("databricks", 403, "LF4002"),
        ("function app", 401, "LF6303"),
        ("function app", 503, "LF6302"),
    ],
)
def test_what_refuses_us_is_told_apart_from_what_is_down(
    settings: Settings, check: str, status: int, code: str
) -> None:
    with answering(status) as url:
        broken = replace(
            settings,
            blob_endpoint=f"{url}/devstoreaccount1",
            databricks_host=url,
            functions_url=url,
        )
        finding = found(broken)[check]

    assert not finding.ok
    assert code in finding.found
    assert finding.remedy


def test_what_answers_is_told_with_where_it_is(settings: Settings) -> None:
    with answering(
        200, '{"status": "healthy", "alarms": {"late": 2}, "settings": {"name": "landfall"}}'
    ) as url:
        answered = replace(
            settings, blob_endpoint=f"{url}/devstoreaccount1", databricks_host=url, functions_url=url
        )
        well = found(answered)

    assert (well["function app"].ok, well["function app"].found) == (True, f"{url} is healthy, 2 late")
    assert (well["databricks"].ok, well["databricks"].found) == (True, f"{url}, job 7 (landfall)")


def test_what_listens_and_says_nothing_is_told_so_and_holds_up_nothing_else(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        findings = check_services(
            replace(
                settings, blob_endpoint=f"{url}/devstoreaccount1", databricks_host=url, functions_url=url
            ),
            patience_s=2,
        )

    told = {finding.check: finding for finding in findings}
    assert list(told) == ["database", "storage", "databricks", "function app"]
    assert "has not answered within" in told["storage"].found
    assert not told["databricks"].ok
    assert all(finding.remedy for finding in findings if not finding.ok)


def test_a_storage_account_without_our_containers_is_no_lake(settings: Settings) -> None:
    with answering(404) as url:
        finding = found(
            replace(settings, blob_endpoint=f"{url}/devstoreaccount1", databricks_host=url, functions_url=url)
        )["storage"]

    assert not finding.ok
    assert "lacks landing, lake, control" in finding.found


def test_doctor_asks_the_services_of_another_target_and_ends_with_1(project: Path, landfall: Command) -> None:
    (project / "landfall.yml").write_text(
        "name: shop\ntargets:\n  laptop: {}\n  prod:\n"
        f"    {{database_url: 'sqlite:///{project}/x.db', storage_account: lake, blob_endpoint: '{NOWHERE}/lake',"
        f" databricks_host: '{NOWHERE}', functions_url: '{NOWHERE}'}}\n  bare: {{}}\n"
    )

    prod = landfall("--target", "prod", "doctor", "--output", "json")
    bare = landfall("--target", "bare", "doctor", "--output", "json")
    laptop = landfall("doctor", "--output", "json")

    told = {finding["check"]: finding for finding in json.loads(prod.out)}
    assert (prod.code, told["databricks"]["ok"]) == (1, False)
    assert (bare.code, json.loads(bare.out)[-1]["check"]) == (1, "settings")
    assert "databricks" not in {finding["check"] for finding in json.loads(laptop.out)}


@contextmanager
def answering(
    status: int, body: str = '{"error_code": "REFUSED", "message": "no", "detail": "no"}'
) -> Iterator[str]:
    """Serve one answer to everything, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_POST = answer  # noqa: N815 - the names that the server calls

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
