"""Retention on a real database: what is in use stays."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files, metadata, run_events, runs
from landfall.planning.plan import NodeKey
from landfall.purging import Purged, purge
from landfall.runs.attempts import record_submission
from landfall.runs.closing import close_run, start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.rerunning import Rerun, request_rerun
from landfall.runs.settling import end_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.builders import a_blob_event, a_product, a_transformation

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PRODUCT = "sales/orders"


def keep(database: Database, **values: str) -> None:
    for key, text in values.items():
        database.transact(
            lambda c, key=key, text=text: set_value(c, f"retention.{key}", text, now=NOW, actor="ada")  # type: ignore[misc]
        )


def one_run(database: Database, number: int, at: datetime, *, last: NodeState = NodeState.SUCCEEDED) -> RunID:
    """Land a file and see its run through; the last node ends in ``last``."""
    run_id = RunID(f"{at:%Y%m%d-%H%M%S}-{number:08}")
    event = a_blob_event(f"{PRODUCT}/orders_landed/{number}.csv")
    database.transact(lambda c: take_in(c, event, now=at))
    database.transact(lambda c: open_run(c, PRODUCT, run_id, now=at))
    nodes = database.transact(lambda c: start_run(c, run_id, now=at))
    keys = [node.key for node in nodes]
    while keys:
        key = keys.pop()
        state = last if key == "build_orders" else NodeState.SUCCEEDED

        def settle(c: sa.Connection, key: NodeKey = key, state: NodeState = state) -> tuple[NodeKey, ...]:
            record_submission(c, run_id, key, 1, job_run_id=1, job_run_url=None, token="t", now=at)
            ended = end_node(c, run_id, key, 1, Verdict(state), token="t", now=at)
            return getattr(ended, "start", ())

        keys += database.transact(settle)
    database.transact(lambda c: close_run(c, run_id, now=at))
    return run_id


def sizes(database: Database) -> Counter[str]:
    return Counter(
        {
            table.name: database.read(
                lambda c, table=table: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()  # type: ignore[misc]
            )
            for table in metadata.sorted_tables
        }
    )


def kept(database: Database, column: sa.Column[str]) -> set[str]:
    return set(database.read(lambda c: c.execute(sa.select(column)).scalars().all()))


def only(purged: tuple[Purged, ...]) -> Purged:
    item, installation = purged
    assert installation.rows == {}
    return item


def test_what_is_in_use_stays(database: Database) -> None:
    apply_products(database, [a_product(a_transformation())], actor="ada", now=NOW)
    keep(database, runs="1d", runs_kept="1", events="1d", files="30d")
    published = one_run(database, 1, NOW)
    failed = one_run(database, 2, NOW + timedelta(days=1), last=NodeState.FAILED)
    asked = one_run(database, 3, NOW + timedelta(days=2), last=NodeState.FAILED)
    newest = one_run(database, 4, NOW + timedelta(days=3), last=NodeState.FAILED)
    database.transact(
        lambda c: request_rerun(
            c,
            Rerun(asked, from_failed=True),
            request_id=RequestID("q1"),
            actor="ada",
            now=NOW + timedelta(days=4),
        )
    )
    later = NOW + timedelta(days=100)

    foreseen = only(purge(database, None, now=later, dry_run=True))
    before = sizes(database)
    done = only(purge(database, None, now=later))

    assert before["Runs"] == 4
    assert foreseen.rows["Runs"] == done.rows["Runs"] == 1
    assert kept(database, runs.c.RunID) == {published, asked, newest}
    assert failed not in kept(database, run_events.c.RunID)
    assert kept(database, landed_files.c.RunID) == {published, asked, newest}
    assert only(purge(database, None, now=later)).rows == {}
