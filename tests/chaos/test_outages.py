"""Services that die, refuse, drop and hang under real processes, and a host that sleeps through the end of a job."""

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from landfall.local import azurite
from landfall.metadata.tables import node_runs
from landfall.runs.states import NodeState
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_books, check_files
from tests.chaos.forms import form, full
from tests.chaos.stack import TOKEN, Stack
from tests.fakes.storage_proxy import Trouble

PRODUCT = a_product(
    a_transformation("build_a"),
    a_transformation("build_b", inputs=["a"]),
    run=RunSettings(settle_s=0.2, retries=20),
)
# Longer than the time-out of a call to the Jobs API, which is 30 s.
HANG_S = full(short=2, long=32)
# The longest wait without anything that moves; more than a hang, reconcile's round and a pause between attempts.
STALLED_S = 600
LANDED: dict[str, str] = {}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("outages"), [PRODUCT], takes_s=1.0)
    yield stack
    stack.close()


def test_services_that_refuse_drop_hang_and_die_cost_time_and_nothing_else(stack: Stack) -> None:
    disturb_jobs(stack)
    troubles = iter(
        [
            *(Trouble(status=status) for status in (500, 503, 503)),
            Trouble(drop=True),
            Trouble(drop=True, after=True),
            Trouble(status=500, after=True),
            Trouble(hang_s=HANG_S),
        ]
        * form(short=1, long=5)
    )
    # Every third request to the storage meets the next trouble, for as long as there is one.
    stack.proxy.trouble = lambda _method, _path: (
        next(troubles, None) if sum(stack.proxy.calls.values()) % 3 == 0 else None
    )
    land(stack, form(short=2, long=10))
    wait_for_state(stack, {NodeState.SUBMITTED, NodeState.RUNNING})

    stack.kill_jobs()
    time.sleep(1)
    stack.start_jobs()
    disturb_jobs(stack)
    stack.wait_until_done(STALLED_S)

    assert stack.proxy.struck >= 7
    check(stack)


def test_a_job_that_ended_while_the_host_and_its_store_were_gone_is_not_run_again(stack: Stack) -> None:
    before = len(stack.tables().writes)
    land(stack, 1)
    wait_for_state(stack, {NodeState.SUBMITTED, NodeState.RUNNING})
    stack.kill_host()
    stack.lose_hub()
    while len(stack.tables().writes) == before:
        time.sleep(0.05)

    restarted_at = time.monotonic()
    stack.start_host()
    stack.wait_until_done(STALLED_S)
    print(f"recovered {time.monotonic() - restarted_at:.0f} s after the restart, an empty task hub included")

    check(stack)
    newest = stack.tables().writes[before].run_id
    jobs = {key: count for key, count in stack.tables().jobs().items() if key[0] == newest}
    assert jobs == {(newest, node, 1): 1 for node in ("ingest.orders_landed", "build_a", "build_b")}


def test_nothing_that_was_written_holds_a_secret(stack: Stack) -> None:
    """Logs, metadata, plans, node specs, results, histories and journals, after runs and after errors of every kind."""
    land(stack, 1)
    stack.wait_until_done(STALLED_S)
    secrets = {"the key of the account": azurite.ACCOUNT_KEY, "the token of the Jobs API": TOKEN}
    files = [path for path in stack.folder.rglob("*") if path.is_file() and path.name != "token"]

    found = [
        f"{path.relative_to(stack.folder)} holds {what}"
        for path in files
        for what, secret in secrets.items()
        if secret.encode() in path.read_bytes()
    ]

    assert found == []
    read = {path.name for path in files}
    assert {"host.log", "jobs.log", "landfall.db", "taskhub.sqlite", "output.log"} <= read


def disturb_jobs(stack: Stack) -> None:
    """Let the jobs server answer the next calls in every wrong way that it knows."""
    path = "/api/2.2/jobs/*"
    for status in (429, 500, 503):
        stack.jobs.inject(path, status=status, body={"error_code": "BUSY", "message": "not now"})
    stack.jobs.inject(path, drop=True)
    stack.jobs.inject(path, drop=True, moment="after")
    stack.jobs.inject(path, delay_s=HANG_S, moment="after")


def land(stack: Stack, files: int) -> None:
    for _ in range(files):
        path = f"sales/orders/orders_landed/{len(LANDED)}.csv"
        event = stack.event(path, etag=f"0x{len(LANDED):X}")
        LANDED[event["data"]["url"]] = event["data"]["eTag"]
        stack.grid.send([event, event])


def wait_for_state(stack: Stack, states: set[NodeState]) -> None:
    query = sa.select(node_runs.c.NodeKey).where(node_runs.c.State.in_(states))
    give_up_at = time.monotonic() + STALLED_S
    while stack.database.read(lambda connection: connection.execute(query).first()) is None:
        assert time.monotonic() < give_up_at, stack.describe()
        time.sleep(0.02)


def check(stack: Stack) -> None:
    taken_in = stack.tables().taken_in()
    stack.database.read(check_books)
    stack.database.read(lambda connection: check_files(connection, LANDED.items(), taken_in))
    states = stack.database.read(lambda connection: connection.execute(sa.select(node_runs.c.State)).all())
    assert {row.State for row in states} == {"succeeded"}
    assert len(taken_in) == len(LANDED)
