"""Which ready node gets the next place: the one behind which most time is still to come, as former runs took it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from landfall.landing.intake import take_in
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.closing import close_run, start_run
from landfall.runs.durations import former_durations
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.settling import settle_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Product, RunSettings
from tests.builders import a_blob_event, a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin_packed, claimed

ONE_AT_A_TIME = RunSettings(max_parallel_nodes=1)
# What a job run takes beside its job, seconds.
BESIDE_S = 2.0


def two_branches(name: str = "orders", run: RunSettings = ONE_AT_A_TIME) -> Product:
    """Two nodes behind the landed files, of which one has a further one behind it and the other takes long."""
    product = a_product(
        a_transformation("build_a"),
        a_transformation("build_c", inputs=["a"]),
        a_transformation("build_b"),
        run=run,
    )
    return replace(product, name=name)


def begin(database: Database, run_id: str, *, product: str = "orders") -> RunID:
    """Land a file of its own and start the run that takes it."""
    event = a_blob_event(f"sales/{product}/orders_landed/{run_id}.csv", etag=run_id)
    database.transact(lambda c: take_in(c, event, now=NOW))
    opened = database.transact(lambda c: open_run(c, f"sales/{product}", RunID(run_id), now=NOW)).run_id
    assert opened is not None
    database.transact(lambda c: start_run(c, opened, now=NOW))
    return opened


def settle(
    database: Database,
    run_id: RunID,
    key: str,
    seconds: float,
    *,
    state: NodeState = NodeState.SUCCEEDED,
    begun_at: datetime = NOW,
) -> None:
    """Let a node be submitted and end, after what its job took and what a job run takes beside."""
    verdict = Verdict(state, error_code="LF4571", result={"timings_s": {"total": seconds}})
    later = begun_at + timedelta(seconds=seconds + BESIDE_S)
    database.transact(
        lambda c: record_submission(
            c, run_id, NodeKey(key), 1, job_run_id=1, job_run_url=None, token="t", now=begun_at
        )
    )
    database.transact(lambda c: settle_node(c, run_id, NodeKey(key), verdict, now=later))


def finish(database: Database, run_id: RunID, seconds: Mapping[str, float]) -> Sequence[str]:
    """Let every node of a run end and close it; return the nodes in the order in which they got their places."""
    order = []
    while at_work := claimed(database, run_id):
        order.append(at_work[0])
        settle(database, run_id, at_work[0], seconds[at_work[0]])
    database.transact(lambda c: close_run(c, run_id, now=NOW + timedelta(minutes=10)))
    return order


SECONDS = {"ingest.orders_landed": 1.0, "build_a": 1.0, "build_c": 1.0, "build_b": 60.0}


def test_the_node_that_took_long_is_started_first_the_next_time(database: Database) -> None:
    apply(database, two_branches())

    first = finish(database, begin(database, "r1"), SECONDS)
    second = finish(database, begin(database, "r2"), SECONDS)

    # Of nothing known, two nodes in a row are more than one.
    assert first.index("build_a") < first.index("build_b")
    assert second == ["ingest.orders_landed", "build_b", "build_a", "build_c"]


def test_a_rank_is_what_the_path_took_with_what_job_runs_take_beside(database: Database) -> None:
    apply(database, two_branches())
    finish(database, begin(database, "r1"), SECONDS)

    run_id = begin(database, "r2")

    query = sa.select(node_runs.c.NodeKey, node_runs.c.Priority).where(node_runs.c.RunID == run_id)
    found = {row.NodeKey: row.Priority for row in database.read(lambda c: c.execute(query).all())}
    assert found == {"ingest.orders_landed": 65_000, "build_b": 62_000, "build_a": 6_000, "build_c": 3_000}


def test_what_a_node_took_when_it_failed_is_not_what_it_takes(database: Database) -> None:
    apply(database, two_branches())
    finish(database, begin(database, "r1"), SECONDS)
    run_id = begin(database, "r2")
    settle(database, run_id, "ingest.orders_landed", 1.0)
    settle(database, run_id, "build_b", 0.1, state=NodeState.FAILED)

    product_id: int = database.read(
        lambda c: c.execute(sa.select(node_runs.c.DataProductID).limit(1)).scalar_one()
    )
    known = database.read(lambda c: former_durations(c, product_id))

    assert known.job_s[NodeKey("build_b")] == 60.0
    assert known.beside_s == pytest.approx(BESIDE_S)


def test_a_product_with_little_to_do_is_not_kept_waiting_by_one_with_much(database: Database) -> None:
    database.transact(lambda c: set_value(c, "limits.nodes", "1", now=NOW, actor="ada"))
    long, short = (two_branches(name, RunSettings()) for name in ("long", "short"))
    apply(database, long)
    apply(database, short)
    finish(database, begin(database, "l1", product="long"), dict.fromkeys(SECONDS, 900.0))
    finish(database, begin(database, "s1", product="short"), dict.fromkeys(SECONDS, 0.1))
    runs = [begin(database, "l2", product="long"), begin(database, "s2", product="short")]

    served: list[str] = []
    while at_work := [(run_id, key) for run_id in runs for key in claimed(database, run_id)]:
        run_id, key = at_work[0]
        settle(database, run_id, key, 1.0, begun_at=NOW + timedelta(hours=1, minutes=len(served)))
        served.append(run_id)

    assert served == ["l2", "s2"] * 4


def test_a_pack_has_the_rank_of_the_node_that_has_most_behind_it(database: Database) -> None:
    run_id = begin_packed(database)

    rows = database.read(
        lambda c: c.execute(
            sa.text("SELECT PackKey, Priority FROM Packs WHERE RunID = :run ORDER BY PackKey"),
            {"run": run_id},
        ).all()
    )

    assert [(row.PackKey, row.Priority) for row in rows] == [("pack.1", 5_000), ("pack.2", 1_000)]
