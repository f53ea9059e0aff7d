"""The run store on a real database: whatever repeats, fails or comes late, the books stay right."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files, node_run_edges, node_runs, product_leases, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.claiming import claimed_not_started
from landfall.runs.closing import cancel_run, close_run, start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.rerunning import Rerun, request_rerun
from landfall.runs.settling import Settled, TryAgain, end_node, settle_node
from landfall.runs.states import FINAL_NODE_STATES, FileState, NodeState, RunState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Product, RunSettings
from tests.builders import a_blob_event, a_product, a_transformation
from tests.databases import a_database

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
RUN = RunID("20260101-120000-aaaaaaaa")


def test_a_repeated_event_adds_no_file_and_starts_no_second_coordinator(database: Database) -> None:
    _apply(database, a_product(a_transformation()))
    event = a_blob_event("sales/orders/orders_landed/a.csv")

    first = database.transact(lambda c: take_in(c, event, now=NOW))
    second = database.transact(lambda c: take_in(c, event, now=NOW))

    assert (first.new, first.start is not None) == (True, True)
    assert (second.new, second.start) == (False, None)
    assert _files(database) == [("sales/orders/orders_landed/a.csv", FileState.PENDING)]


def test_a_file_no_dataset_expects_is_kept_as_unmatched(database: Database) -> None:
    _apply(database, a_product(a_transformation()))

    for path in ("sales/orders/other/a.csv", "nobody/knows/a.csv", "top.csv"):
        database.transact(lambda c, path=path: take_in(c, a_blob_event(path), now=NOW))  # type: ignore[misc]

    assert {state for _, state in _files(database)} == {FileState.UNMATCHED}


def test_an_empty_file_is_rejected_with_the_reason(database: Database) -> None:
    _apply(database, a_product(a_transformation()))

    database.transact(
        lambda c: take_in(c, a_blob_event("sales/orders/orders_landed/a.csv", size_bytes=0), now=NOW)
    )

    assert _files(database) == [("sales/orders/orders_landed/a.csv", FileState.REJECTED)]


def test_a_version_replaced_before_it_was_read_is_not_read_twice(database: Database) -> None:
    _apply(database, a_product(a_transformation()))
    path = "sales/orders/orders_landed/a.csv"

    for etag, sequencer in (("0x2", "02"), ("0x3", "03"), ("0x1", "01")):
        database.transact(
            lambda c, e=etag, s=sequencer: take_in(c, a_blob_event(path, etag=e, sequencer=s), now=NOW)  # type: ignore[misc]
        )

    rows = database.read(lambda c: c.execute(sa.select(landed_files.c.ETag, landed_files.c.State)).all())
    assert {row.ETag: row.State for row in rows} == {"0x1": "rejected", "0x2": "rejected", "0x3": "pending"}


def test_opening_twice_gives_the_same_run(database: Database) -> None:
    _apply(database, a_product(a_transformation()))
    _land(database, "sales/orders/orders_landed/a.csv")

    first = database.transact(lambda c: open_run(c, "sales/orders", RUN, now=NOW))
    second = database.transact(lambda c: open_run(c, "sales/orders", RunID("another"), now=NOW))

    assert first.run_id == second.run_id == RUN


def test_the_lease_is_given_back_when_nothing_is_pending(database: Database) -> None:
    _apply(database, a_product(a_transformation()))
    _land(database, "sales/orders/orders_landed/a.csv")
    database.transact(lambda c: open_run(c, "sales/orders", RUN, now=NOW))
    _finish_everything(database)

    opened = database.transact(lambda c: open_run(c, "sales/orders", RunID("next"), now=NOW))

    assert opened.run_id is None
    assert database.read(lambda c: c.execute(sa.select(product_leases.c.State)).scalar_one()) == "idle"
    later = database.transact(lambda c: take_in(c, a_blob_event("sales/orders/orders_landed/b.csv"), now=NOW))
    assert later.start is not None


def test_a_failed_node_skips_its_descendants_and_nothing_else(database: Database) -> None:
    product = a_product(
        a_transformation("build_orders"),
        a_transformation("build_daily", inputs=["orders"]),
        a_transformation("build_other"),
    )
    _start(database, product)
    _settle(database, "ingest.orders_landed", Verdict(NodeState.SUCCEEDED))

    _settle(database, "build_orders", Verdict(NodeState.FAILED, reason="no such column"))
    _settle(database, "build_other", Verdict(NodeState.SUCCEEDED))

    assert _states(database) == {
        "ingest.orders_landed": "succeeded",
        "build_orders": "failed",
        "build_daily": "skipped",
        "build_other": "succeeded",
    }
    assert database.transact(lambda c: close_run(c, RUN, now=NOW)) is RunState.FAILED
    assert _files(database)[0][1] == FileState.DONE


def test_a_failure_outside_the_node_is_tried_again_as_often_as_allowed(database: Database) -> None:
    _start(database, a_product(a_transformation(), run=RunSettings(retries=1)))
    lost = Verdict(NodeState.FAILED, retryable=True, reason="the cluster was lost")
    key = NodeKey("ingest.orders_landed")

    first = database.transact(lambda c: end_node(c, RUN, key, 1, lost, token="t1", now=NOW))
    again = database.transact(lambda c: end_node(c, RUN, key, 1, lost, token="t1", now=NOW))
    second = database.transact(lambda c: end_node(c, RUN, key, 2, lost, token="t2", now=NOW))

    assert isinstance(first, TryAgain)
    assert again == first
    assert isinstance(second, Settled)
    assert _states(database)[key] == "failed"


def test_a_cancelled_run_starts_nothing_more(database: Database) -> None:
    _start(database, a_product(a_transformation()))
    key = NodeKey("ingest.orders_landed")
    database.transact(
        lambda c: record_submission(c, RUN, key, 1, job_run_id=7, job_run_url=None, token="t", now=NOW)
    )

    cancelled = database.transact(lambda c: cancel_run(c, RUN, actor="ada", now=NOW))
    _settle(database, key, Verdict(NodeState.CANCELLED))

    assert [(node.key, node.job_run_id) for node in cancelled.at_work] == [(key, 7)]
    assert (
        set(_states(database).values()) == {"cancelled"} or _states(database)["build_orders"] == "cancelled"
    )
    assert database.transact(lambda c: close_run(c, RUN, now=NOW)) is RunState.CANCELLED
    assert _files(database)[0][1] == FileState.REJECTED


@st.composite
def dags(draw: st.DrawFn) -> list[list[int]]:
    """Up to 12 nodes; each names the earlier nodes it reads."""
    size = draw(st.integers(1, 12))
    return [
        sorted(draw(st.sets(st.integers(0, index - 1), max_size=3))) if index else [] for index in range(size)
    ]


@settings(max_examples=40)
@given(graph=dags(), outcomes=st.data())
def test_any_graph_ends_with_its_books_right(graph: list[list[int]], outcomes: st.DataObject) -> None:
    product = a_product(
        *[
            a_transformation(f"build_t{index}", inputs=[f"t{i}" for i in upstreams] or ["orders_landed"])
            for index, upstreams in enumerate(graph)
        ],
        run=RunSettings(max_parallel_nodes=outcomes.draw(st.integers(1, 4))),
    )
    with TemporaryDirectory() as folder:
        database = a_database(Path(folder))
        _start(database, product)

        for _ in range(len(graph) + 1):
            active = _claimed(database)
            if not active:
                break
            key = outcomes.draw(st.sampled_from(active))
            succeeds = outcomes.draw(st.booleans())
            verdict = Verdict(NodeState.SUCCEEDED if succeeds else NodeState.FAILED, reason="drawn")
            first = _settle(database, key, verdict)
            repeated = _settle(database, key, verdict)
            assert repeated == first
            _check_books(database)

        assert all(NodeState(state) in FINAL_NODE_STATES for state in _states(database).values())
        assert database.transact(lambda c: close_run(c, RUN, now=NOW)) is not None
        _rerun_until_all_succeed(database, outcomes)
        database.close()


def _rerun_until_all_succeed(database: Database, outcomes: st.DataObject) -> None:
    """Rerun what did not succeed, at most three times with drawn failures, then without."""
    before, run = RUN, RUN
    for number in range(1, 5):
        unfinished = {key for key, state in _states(database, before).items() if state != "succeeded"}
        if not unfinished:
            break
        run = RunID(f"20260101-12000{number}-bbbbbbbb")
        _ask_for_rerun(database, Rerun(before, from_failed=True), request_id=f"q{number}")
        assert database.transact(lambda c, run=run: open_run(c, "sales/orders", run, now=NOW)).run_id == run  # type: ignore[misc]
        assert _states(database, run).keys() == unfinished
        database.transact(lambda c, run=run: start_run(c, run, now=NOW))  # type: ignore[misc]
        while active := _claimed(database, run):
            key = outcomes.draw(st.sampled_from(active))
            succeeds = number == 4 or outcomes.draw(st.booleans())
            verdict = Verdict(NodeState.SUCCEEDED if succeeds else NodeState.FAILED, reason="drawn")
            first = _settle(database, key, verdict, run)
            assert _settle(database, key, verdict, run) == first
            _check_books(database, run)
        database.transact(lambda c, run=run: close_run(c, run, now=NOW))  # type: ignore[misc]
        before = run
    assert set(_states(database, run).values()) == {"succeeded"}
    assert _files(database) == [("sales/orders/orders_landed/a.csv", FileState.DONE)]


def _ask_for_rerun(database: Database, rerun: Rerun, *, request_id: str) -> None:
    database.transact(
        lambda c: request_rerun(c, rerun, request_id=RequestID(request_id), actor="grace", now=NOW)
    )


def _check_books(database: Database, run_id: RunID = RUN) -> None:
    """No node ran before its inputs succeeded; the counters on the run are what counting gives."""
    states = _states(database, run_id)
    edges = database.read(
        lambda c: c.execute(
            sa.select(node_run_edges.c.FromNode, node_run_edges.c.ToNode).where(
                node_run_edges.c.RunID == run_id
            )
        ).all()
    )
    for edge in edges:
        if states[edge.ToNode] not in {"waiting", "skipped"}:
            assert states[edge.FromNode] == "succeeded"
    run = database.read(lambda c: c.execute(sa.select(runs).where(runs.c.RunID == run_id)).one())
    claimed = _claimed(database, run_id)
    assert run.OpenNodes == sum(NodeState(state) not in FINAL_NODE_STATES for state in states.values())
    assert run.ActiveNodes == len(claimed) <= run.MaxParallelNodes
    assert run.ReadyNodes == sum(state == "ready" for key, state in states.items() if key not in claimed)


def _apply(database: Database, product: Product) -> None:
    apply_products(database, [product], actor="ada", now=NOW)


def _start(database: Database, product: Product) -> None:
    _apply(database, product)
    _land(database, "sales/orders/orders_landed/a.csv")
    database.transact(lambda c: open_run(c, "sales/orders", RUN, now=NOW))
    database.transact(lambda c: start_run(c, RUN, now=NOW))


def _land(database: Database, path: str) -> None:
    database.transact(lambda c: take_in(c, a_blob_event(path), now=NOW))


def _settle(database: Database, key: str, verdict: Verdict, run: RunID = RUN) -> Sequence[NodeKey]:
    later = NOW + timedelta(seconds=1)
    database.transact(lambda c: _submitted(c, run, NodeKey(key)))
    return database.transact(lambda c: settle_node(c, run, NodeKey(key), verdict, now=later)).start


def _submitted(connection: sa.Connection, run: RunID, key: NodeKey) -> None:
    record_submission(connection, run, key, 1, job_run_id=1, job_run_url=None, token="t", now=NOW)


def _finish_everything(database: Database) -> None:
    database.transact(lambda c: start_run(c, RUN, now=NOW))
    while active := _claimed(database):
        _settle(database, active[0], Verdict(NodeState.SUCCEEDED))
    database.transact(lambda c: close_run(c, RUN, now=NOW))


def _states(database: Database, run: RunID = RUN) -> dict[str, str]:
    query = sa.select(node_runs.c.NodeKey, node_runs.c.State).where(node_runs.c.RunID == run)
    rows = database.read(lambda c: c.execute(query).all())
    return {row.NodeKey: row.State for row in rows}


def _claimed(database: Database, run: RunID = RUN) -> list[str]:
    return list(
        database.read(
            lambda c: (
                c.execute(
                    sa.select(node_runs.c.NodeKey)
                    .where(
                        node_runs.c.RunID == run,
                        node_runs.c.ClaimedAt.is_not(None),
                        node_runs.c.State.not_in(FINAL_NODE_STATES),
                    )
                    .order_by(node_runs.c.NodeRunID)
                )
                .scalars()
                .all()
            )
        )
    )


def _files(database: Database) -> list[tuple[str, str]]:
    rows = database.read(lambda c: c.execute(sa.select(landed_files.c.Url, landed_files.c.State)).all())
    return [(row.Url.partition("/landing/")[2], row.State) for row in rows]


def test_claims_of_a_settled_node_are_found_again(database: Database) -> None:
    _start(database, a_product(a_transformation()))

    first = _settle(database, "ingest.orders_landed", Verdict(NodeState.SUCCEEDED))

    again = database.read(lambda c: claimed_not_started(c, RUN, claimed_by="ingest.orders_landed"))
    assert tuple(first) == tuple(node.key for node in again) == ("build_orders",)
