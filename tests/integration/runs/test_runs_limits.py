"""Limits on a real database: fair between products, never passed, and no node waits beside a free place."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_attempts, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.claiming import ClaimedNode
from landfall.runs.closing import cancel_run, close_run, start_run
from landfall.runs.gate import hold_node
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.recovery import claim_free_places
from landfall.runs.settling import Settled, TryAgain, end_node
from landfall.runs.states import NodeState, RunState
from landfall.runs.verdict import Verdict
from landfall.spec.model import NodeSettings, OnFailure, Product, RunSettings
from tests.builders import a_blob_event, a_product, a_transformation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
DONE = Verdict(NodeState.SUCCEEDED)


def a_fan(name: str, width: int, *, run: RunSettings | None = None) -> Product:
    """One ingest node and ``width`` nodes that wait for nothing else."""
    product = a_product(
        *[a_transformation(f"build_t{index}") for index in range(width)],
        run=run or RunSettings(max_parallel_nodes=1000),
    )
    return replace(product, name=name)


def begin(database: Database, product: Product) -> tuple[RunID, tuple[ClaimedNode, ...]]:
    run_id = RunID(f"20260101-120000-{product.name}")
    apply_products(database, [product], actor="ada", now=NOW)
    event = a_blob_event(f"{product.key}/orders_landed/a.csv")
    database.transact(lambda c: take_in(c, event, now=NOW))
    database.transact(lambda c: open_run(c, product.key, run_id, now=NOW))
    return run_id, database.transact(lambda c: start_run(c, run_id, now=NOW))


def settle(database: Database, node: ClaimedNode, verdict: Verdict = DONE) -> tuple[ClaimedNode, ...]:
    def work(connection: sa.Connection) -> Settled | TryAgain:
        record_submission(
            connection,
            node.run_id,
            node.key,
            node.attempt,
            job_run_id=1,
            job_run_url=None,
            token="t",
            now=NOW,
        )
        return end_node(connection, node.run_id, node.key, node.attempt, verdict, token="t", now=LATER)

    settled = database.transact(work)
    assert isinstance(settled, Settled)
    return (*(ClaimedNode(node.run_id, key, 1) for key in settled.start), *settled.start_elsewhere)


def limit(database: Database, name: str, value: int | str, *, product: str | None = None) -> None:
    database.transact(lambda c: set_value(c, name, str(value), product=product, now=NOW, actor="ada"))


def at_work(database: Database) -> dict[str, int]:
    rows = database.read(lambda c: c.execute(sa.select(runs.c.RunID, runs.c.ActiveNodes)).all())
    return {row.RunID.rpartition("-")[2]: row.ActiveNodes for row in rows}


def close(database: Database, run_id: RunID) -> RunState | None:
    return database.transact(lambda c: close_run(c, run_id, now=LATER))


def column(database: Database, query: sa.Select[Any]) -> list[Any]:
    return database.read(lambda c: list(c.execute(query).scalars()))


def states(database: Database, run_id: RunID) -> dict[str, str]:
    query = sa.select(node_runs.c.NodeKey, node_runs.c.State).where(node_runs.c.RunID == run_id)
    return {row.NodeKey: row.State for row in database.read(lambda c: c.execute(query).all())}


def test_a_small_product_gets_its_places_beside_a_large_one(database: Database) -> None:
    limit(database, "limits.nodes", 20)
    _, claimed = begin(database, a_fan("large", 200))
    work = list(settle(database, claimed[0]))
    assert at_work(database)["large"] == 20
    _, small = begin(database, a_fan("small", 5))
    assert small == ()

    # The first place that the large product gives back goes to the small one, as do the next ones.
    (ingest,) = settle(database, work.pop())
    assert ingest.run_id.endswith("small")
    settle(database, ingest)
    for _ in range(4):
        settle(database, work.pop())

    assert at_work(database)["small"] == 5
    assert sum(at_work(database).values()) == 20


def test_everything_ends_under_any_limits_and_none_is_passed(database: Database) -> None:
    limit(database, "limits.nodes", 5)
    limit(database, "limits.nodes_per_product", 3)
    chance = random.Random(1)  # noqa: S311 - an order to try
    work: list[ClaimedNode] = []
    apply_products(database, [a_fan("c", 12)], actor="ada", now=NOW)
    limit(database, "limits.nodes_per_product", 1, product="sales/c")
    started = [begin(database, a_fan(name, 12)) for name in ("a", "b", "c")]
    for _, claimed in started:
        work += claimed

    while work:
        work += settle(database, work.pop(chance.randrange(len(work))))
        held = at_work(database)
        assert sum(held.values()) <= 5
        assert max(held.values()) <= 3
        assert held["c"] <= 1

    for run_id, _ in started:
        assert set(states(database, run_id).values()) == {"succeeded"}
        assert close(database, run_id) is RunState.SUCCEEDED


def test_a_repeated_settlement_finds_the_nodes_of_other_runs_again(database: Database) -> None:
    limit(database, "limits.nodes", 1)
    _, claimed = begin(database, a_fan("large", 3))
    begin(database, a_fan("small", 1))

    first = settle(database, claimed[0])
    again = settle(database, claimed[0])

    assert again == first
    assert {node.run_id.rpartition("-")[2] for node in first} == {"small"}


def test_reconcile_and_cancel_give_free_places_to_who_waits(database: Database) -> None:
    limit(database, "limits.nodes", 1)
    large, _ = begin(database, a_fan("large", 3))
    _, small = begin(database, a_fan("small", 1))
    assert small == ()

    cancelled = database.transact(lambda c: cancel_run(c, large, actor="ada", now=LATER))
    begin(database, a_fan("third", 1))
    limit(database, "limits.nodes", 2)
    claimed = database.transact(lambda c: claim_free_places(c, now=NOW))

    assert [node.run_id.rpartition("-")[2] for node in cancelled.start] == ["small"]
    assert [node.run_id.rpartition("-")[2] for node in claimed] == ["third"]


def test_nodes_claimed_together_have_their_turns_at_the_pace_of_the_jobs_api(database: Database) -> None:
    limit(database, "jobs.submissions_per_second", "3")
    _, claimed = begin(database, a_fan("large", 10))
    settle(database, claimed[0])

    rows = column(database, sa.select(node_runs.c.SubmitAt).where(node_runs.c.State == "ready"))
    waits = sorted((turn - LATER).total_seconds() if turn else 0 for turn in rows)
    assert waits[0] == 0
    assert 2 < waits[-1] <= 10 / 3


def test_a_busy_jobs_api_holds_every_node_and_lets_them_come_back_one_by_one(database: Database) -> None:
    run_id, claimed = begin(database, a_fan("large", 4))
    nodes = settle(database, claimed[0])

    held = [
        database.transact(
            lambda c, key=node.key: hold_node(c, run_id, key, reason="429", hold_all_s=30, now=LATER)  # type: ignore[misc]
        )
        for node in nodes
    ]

    assert min(held) >= LATER + timedelta(seconds=30)
    assert len(set(held)) > 1 or len(held) <= 5
    assert set(states(database, run_id).values()) == {"ready", "succeeded"}


def test_a_run_that_fails_fast_starts_nothing_more_and_names_the_cause(database: Database) -> None:
    product = a_fan("fast", 6, run=RunSettings(max_parallel_nodes=2, on_failure=OnFailure.FAIL_FAST))
    run_id, claimed = begin(database, product)
    first, second = settle(database, claimed[0])
    database.transact(
        lambda c: record_submission(
            c, run_id, second.key, 1, job_run_id=2, job_run_url=None, token="t2", now=NOW
        )
    )

    assert settle(database, first, Verdict(NodeState.FAILED, reason="no such column")) == ()
    settle(database, second)

    counts = list(states(database, run_id).values())
    assert (counts.count("failed"), counts.count("succeeded"), counts.count("skipped")) == (1, 2, 4)
    reasons = set(column(database, sa.select(node_runs.c.Reason).where(node_runs.c.State == "skipped")))
    assert reasons == {f"{first.key} failed, and the run is to fail fast"}
    assert close(database, run_id) is RunState.FAILED
    assert at_work(database)["fast"] == 0


def test_each_class_of_failure_has_its_own_number_of_attempts(database: Database) -> None:
    own = replace(a_transformation("build_t0"), run=NodeSettings(retries=1, retry_delay_s=7.0))
    product = replace(a_product(own), name="own")
    limit(database, "runs.capacity_retries", 2)
    run_id, claimed = begin(database, product)
    (node,) = settle(database, claimed[0])
    lost = Verdict(NodeState.FAILED, retryable=True, reason="the cluster was lost")
    full = Verdict(NodeState.FAILED, retryable=True, capacity=True, reason="no room")

    def end(attempt: int, verdict: Verdict) -> Settled | TryAgain:
        return database.transact(
            lambda c: end_node(c, run_id, node.key, attempt, verdict, token=f"t{attempt}", now=LATER)
        )

    first, second, third = end(1, full), end(2, lost), end(3, full)
    last = end(4, lost)

    assert isinstance(first, TryAgain)
    assert 48 <= first.delay_s < 72
    assert isinstance(second, TryAgain)
    assert 5.6 <= second.delay_s < 8.4
    assert isinstance(third, TryAgain)
    assert 96 <= third.delay_s < 144
    assert isinstance(last, Settled)
    kept = column(
        database,
        sa.select(node_attempts.c.Failure)
        .where(node_attempts.c.NodeKey == NodeKey("build_t0"))
        .order_by(node_attempts.c.Attempt),
    )
    assert kept == ["capacity", "infrastructure", "capacity", "infrastructure"]
