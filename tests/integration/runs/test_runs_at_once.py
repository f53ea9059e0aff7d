"""Two workers settle the two predecessors of one node at the same instant: the node is started, and once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.ids import RunID
from landfall.runs.settling import Settled, settle_node
from tests.builders import a_product, a_transformation
from tests.databases import a_database
from tests.integration.runs.acting import NOW, SUCCEEDED, apply, begin, land, node_states, settle

ROUNDS = 10


def test_of_two_that_settle_at_once_one_starts_the_node_behind_them(tmp_path: Path) -> None:
    product = a_product(
        a_transformation("build_a"),
        a_transformation("build_b"),
        a_transformation("build_c", inputs=["a", "b"]),
    )
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        database = a_database(folder)
        apply(database, product)
        land(database)
        run_id = begin(database, f"r{number}")
        assert run_id is not None
        settle(database, run_id, "ingest.orders_landed", SUCCEEDED)

        started = _settle_at_once(database, run_id, "build_a", "build_b")

        assert started == ["build_c"]
        assert node_states(database, run_id)["build_c"] == "ready"
        database.close()


def _settle_at_once(database: Database, run_id: RunID, *keys: str) -> list[str]:
    """Let jobs be submitted, and settle their nodes all at once; return the nodes that were started by that."""
    for key in keys:
        database.transact(partial(_submit, run_id=run_id, key=NodeKey(key)))
    together = Barrier(len(keys))

    def end(key: str) -> Settled:
        together.wait()
        return database.transact(lambda c: settle_node(c, run_id, NodeKey(key), SUCCEEDED, now=NOW))

    with ThreadPoolExecutor(len(keys)) as pool:
        return [key for settled in pool.map(end, keys) for key in settled.start]


def _submit(connection: sa.Connection, run_id: RunID, key: NodeKey) -> None:
    record_submission(connection, run_id, key, 1, job_run_id=1, job_run_url=None, token="t", now=NOW)
