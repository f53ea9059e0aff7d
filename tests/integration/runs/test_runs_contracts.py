"""A run that breaks a contract leaves the former version in place and fails with that reason."""

import json
from functools import partial

import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.tables import published_data_sets
from landfall.runs.node_result import parse_node_result
from landfall.runs.queries import get_run
from landfall.runs.states import NodeState, RunState
from landfall.runs.verdict import QUALITY_GATE_CODES, Verdict, weigh
from landfall.runs.work import JobEnd, JobOutcome
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply, begin, finish, land, settle

BROKEN = (
    "orders: sales/orders.orders@1 promises a column 'amount' that is not there. Nothing was published, the former "
    "version stays"
)


def test_a_broken_contract_fails_the_run_and_the_former_version_stays(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    for number in (1, 2):
        land(database, f"orders_landed/{number}.csv")
        run = begin(database, f"run{number}")
        assert run is not None
        settle(database, run, "ingest.orders_landed", Verdict(NodeState.SUCCEEDED))
        verdict = Verdict(NodeState.SUCCEEDED) if number == 1 else broken()
        settle(database, run, "build_orders", verdict)
        state = finish(database, run)

    assert run is not None
    detail = database.read(partial(get_run, run_id=run))
    (node,) = (node for node in detail.nodes if node.key == "build_orders")
    published: str = database.read(
        lambda c: c.execute(
            sa.select(published_data_sets.c.RunID).where(published_data_sets.c.DataSetName == "orders")
        ).scalar_one()
    )
    assert state is RunState.FAILED
    assert (node.error_code, node.reason, node.attempt) == ("LF4523", BROKEN, 1)
    assert node.error_code in QUALITY_GATE_CODES
    assert published == "run1"


def broken() -> Verdict:
    """Return the verdict on a job whose result says that the contract was broken."""
    result = {
        "schema_version": 1,
        "run_id": "run2",
        "node": "build_orders",
        "attempt": 1,
        "status": "failed",
        "rows_read": 3,
        "rows_published": 0,
        "rows_quarantined": 0,
        "rules": [],
        "files": [],
        "inputs": {},
        "load": None,
        "output": None,
        "error": {"code": "LF4523", "kind": "quality_gate", "message": BROKEN},
        "timings_s": {"total": 0.1},
    }
    return weigh(JobOutcome(end=JobEnd.FAILED, job_run_id=1), parse_node_result(json.dumps(result)))
