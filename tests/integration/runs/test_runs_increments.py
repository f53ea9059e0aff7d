"""What an incremental node last built from, in SQL: it moves on with success and with nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import Attempt, read_attempt, record_submission
from landfall.runs.closing import cancel_run, close_run, start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.requests import RunRequest, Trigger, request_run
from landfall.runs.settling import end_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Load, LoadMode, Product, Step, StepType, Write, WriteMode
from tests.builders import a_blob_event, a_product, a_transformation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
INGEST, BUILD = NodeKey("ingest.orders_landed"), NodeKey("build_orders")


class Store:
    """A product with a landed table and an incremental node, driven as the orchestration does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.runs = 0
        self.apply(Load(LoadMode.INCREMENTAL))

    def apply(self, load: Load, condition: str = "id > 0") -> None:
        transformation = a_transformation(
            "build_orders",
            inputs=["orders_landed"],
            output="orders",
            steps=[Step(StepType.FILTER, condition)],
            write=Write(WriteMode.APPEND),
        )
        product: Product = a_product(replace(transformation, load=load))
        apply_products(self.database, [product], actor="me", now=self.now)

    def open(self, *, full: bool = False) -> RunID:
        self.runs += 1
        self.now += timedelta(minutes=1)
        run_id = RunID(f"20260101-1200{self.runs:02d}-aaaaaaaa")
        if full:
            request = RunRequest(product="sales/orders", trigger=Trigger.HTTP, requested_by="me", full=True)
            self.database.transact(
                lambda c: request_run(c, request, request_id=RequestID(f"q{self.runs}"), now=self.now)
            )
        else:
            event = a_blob_event(f"sales/orders/orders_landed/{self.runs}.csv")
            self.database.transact(lambda c: take_in(c, event, now=self.now))
        opened = self.database.transact(lambda c: open_run(c, "sales/orders", run_id, now=self.now))
        assert opened.run_id == run_id
        self.database.transact(lambda c: start_run(c, run_id, now=self.now))
        return run_id

    def attempt(self, run_id: RunID, key: NodeKey = BUILD) -> Attempt:
        return self.database.read(lambda c: read_attempt(c, run_id, key))

    def submit(self, run_id: RunID, key: NodeKey) -> None:
        job = {"job_run_id": self.runs, "job_run_url": None, "token": "t"}
        self.database.transact(lambda c: record_submission(c, run_id, key, 1, now=self.now, **job))  # type: ignore[arg-type]

    def end(self, run_id: RunID, key: NodeKey, verdict: Verdict) -> None:
        self.submit(run_id, key)
        self.database.transact(lambda c: end_node(c, run_id, key, 1, verdict, token="t", now=self.now))

    def ingest(self, run_id: RunID, version: int) -> None:
        self.end(run_id, INGEST, Verdict(NodeState.SUCCEEDED, table_version=version))

    def build(self, run_id: RunID, version: int, **changes: Any) -> None:
        read = [{"name": "orders_landed", "version": version, "stamp": f"s{version}"}]
        verdict = Verdict(NodeState.SUCCEEDED, table_version=1, inputs=read)
        self.end(run_id, BUILD, replace(verdict, **changes))
        self.close(run_id)

    def close(self, run_id: RunID) -> None:
        self.database.transact(lambda c: close_run(c, run_id, now=self.now))


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def _since(attempt: Attempt) -> Mapping[str, Any] | None:
    assert attempt.load is not None
    since: Mapping[str, Any] | None = attempt.load["since"]
    return since


def test_a_success_moves_the_state_on(store: Store) -> None:
    run = store.open()
    store.ingest(run, 1)
    first = store.attempt(run)
    store.build(run, 1)

    run = store.open()
    store.ingest(run, 4)
    second = store.attempt(run)

    assert (first.versions, _since(first)) == ({"orders_landed": 1}, None)
    assert (second.versions, _since(second)) == ({"orders_landed": 4}, {"version": 1, "stamp": "s1"})


@pytest.mark.parametrize("state", [NodeState.FAILED, NodeState.CANCELLED])
def test_a_run_that_did_not_succeed_moves_nothing_and_its_rows_are_taken_away(
    store: Store, state: NodeState
) -> None:
    run = store.open()
    store.ingest(run, 1)
    store.build(run, 1)
    unlucky = store.open()
    store.ingest(unlucky, 2)
    if state is NodeState.CANCELLED:
        store.submit(unlucky, BUILD)
        store.database.transact(lambda c: cancel_run(c, unlucky, actor="me", now=store.now))
    store.build(unlucky, 2, state=state)

    run = store.open()
    store.ingest(run, 3)
    attempt = store.attempt(run)

    assert _since(attempt) == {"version": 1, "stamp": "s1"}
    assert attempt.discard_runs == (unlucky,)


def test_rows_of_a_failed_ingest_are_taken_away_by_the_next(store: Store) -> None:
    unlucky = store.open()
    store.end(unlucky, INGEST, Verdict(NodeState.FAILED))
    store.close(unlucky)

    run = store.open()

    assert store.attempt(run, INGEST).discard_runs == (unlucky,)


def test_a_changed_definition_has_everything_read(store: Store) -> None:
    run = store.open()
    store.ingest(run, 1)
    store.build(run, 1)
    store.apply(Load(LoadMode.INCREMENTAL), "id > 5")

    run = store.open()
    store.ingest(run, 2)
    attempt = store.attempt(run)

    assert attempt.load is not None
    assert (attempt.load["since"], attempt.load["reason"]) == (
        None,
        "its definition has changed since it was built last",
    )


def test_a_full_run_has_everything_read_once(store: Store) -> None:
    run = store.open()
    store.ingest(run, 1)
    store.build(run, 1)

    run = store.open(full=True)
    asked_for = store.attempt(run)
    store.build(run, 1)
    run = store.open()
    store.ingest(run, 2)

    assert asked_for.load is not None
    assert (asked_for.load["since"], asked_for.load["reason"]) == (None, "it was asked for")
    assert _since(store.attempt(run)) == {"version": 1, "stamp": "s1"}


def test_a_full_load_knows_no_state(store: Store) -> None:
    store.apply(Load())

    run = store.open()

    assert store.attempt(run).load is None
