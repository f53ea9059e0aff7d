"""Steps of a product's life on a real database, for tests that are about what operators do in between."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from landfall.landing.intake import Intake, take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files, node_runs, product_leases
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.closing import close_run, start_run
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.pack_attempts import record_pack_submission
from landfall.runs.settling import settle_node
from landfall.runs.states import FINAL_NODE_STATES, NodeState, RunState
from landfall.runs.verdict import Verdict
from landfall.spec.model import ExecutionMode, Product, RunSettings
from tests.builders import a_blob_event, a_product, a_transformation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SUCCEEDED = Verdict(NodeState.SUCCEEDED)
FAILED = Verdict(NodeState.FAILED, error_code="LF4571", reason="no such column")
# The packs of ``begin_packed``.
FIRST, SECOND = NodeKey("pack.1"), NodeKey("pack.2")


def apply(database: Database, product: Product, *, now: datetime = NOW) -> None:
    apply_products(database, [product], actor="ada", now=now)


def land(
    database: Database, path: str = "orders_landed/a.csv", *, etag: str = "0x1", size: int = 100
) -> Intake:
    event = a_blob_event(f"sales/orders/{path}", etag=etag, size_bytes=size)
    return database.transact(lambda c: take_in(c, event, now=NOW))


def begin(database: Database, run_id: str, *, now: datetime = NOW) -> RunID | None:
    """Open and start the next run; return its id, ``None`` if nothing was to be run."""
    opened = database.transact(lambda c: open_run(c, "sales/orders", RunID(run_id), now=now)).run_id
    if opened is not None:
        database.transact(lambda c: start_run(c, opened, now=now))
    return opened


def begin_packed(database: Database) -> RunID:
    """Return a run of ``pack.1``: the ingest, a, b and c in a row, d behind c; and of ``pack.2``: e behind c.

    The first is submitted.
    """
    product = a_product(
        a_transformation("build_a"),
        a_transformation("build_b", inputs=["a"]),
        a_transformation("build_c", inputs=["b"]),
        a_transformation("build_d", inputs=["c"]),
        a_transformation("build_e", inputs=["c"]),
        run=RunSettings(execution=ExecutionMode.PACKED, pack_nodes=5),
    )
    apply(database, product)
    land(database)
    run_id = begin(database, "r1")
    assert run_id is not None
    keys = ("ingest.orders_landed", "build_a", "build_b", "build_c", "build_d")
    tokens = {(NodeKey(key), 1): f"t.{key}" for key in keys}
    database.transact(
        lambda c: record_pack_submission(c, run_id, FIRST, job_run_id=7, tokens=tokens, now=NOW)
    )
    return run_id


def settle(database: Database, run_id: RunID, key: str, verdict: Verdict, *, now: datetime = NOW) -> None:
    """Let a claimed node be submitted and end."""
    later = now + timedelta(seconds=1)
    database.transact(
        lambda c: record_submission(
            c, run_id, NodeKey(key), 1, job_run_id=1, job_run_url=None, token="t", now=now
        )
    )
    database.transact(lambda c: settle_node(c, run_id, NodeKey(key), verdict, now=later))


def finish(
    database: Database, run_id: RunID, *, failing: frozenset[str] = frozenset(), now: datetime = NOW
) -> RunState | None:
    """Let every node of a run end, those in ``failing`` as failed, and close the run."""
    while active := claimed(database, run_id):
        settle(database, run_id, active[0], FAILED if active[0] in failing else SUCCEEDED, now=now)
    return database.transact(lambda c: close_run(c, run_id, now=now + timedelta(seconds=2)))


def claimed(database: Database, run_id: RunID) -> list[str]:
    query = (
        sa.select(node_runs.c.NodeKey)
        .where(
            node_runs.c.RunID == run_id,
            node_runs.c.ClaimedAt.is_not(None),
            node_runs.c.State.not_in(FINAL_NODE_STATES),
        )
        .order_by(node_runs.c.NodeRunID)
    )
    return database.read(lambda c: list(c.execute(query).scalars()))


def node_states(database: Database, run_id: RunID) -> dict[str, str]:
    query = sa.select(node_runs.c.NodeKey, node_runs.c.State).where(node_runs.c.RunID == run_id)
    return database.read(lambda c: {row.NodeKey: row.State for row in c.execute(query)})


def file_states(database: Database) -> dict[int, str]:
    query = sa.select(landed_files.c.LandedFileID, landed_files.c.State)
    return database.read(lambda c: {row.LandedFileID: row.State for row in c.execute(query)})


def lease_state(database: Database) -> str:
    return database.read(lambda c: str(c.execute(sa.select(product_leases.c.State)).scalar_one()))
