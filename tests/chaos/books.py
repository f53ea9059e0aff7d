"""What must be true of SQL and of the tables once everything has ended, whatever happened on the way."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.metadata.tables import (
    data_quality_results,
    landed_files,
    lineage_edges,
    node_attempts,
    node_runs,
    open_submissions,
    product_leases,
    run_events,
    run_plans,
    run_requests,
    runs,
)
from landfall.runs.leases import LeaseState
from landfall.runs.requests import RequestState
from landfall.runs.states import FINAL_NODE_STATES, FINAL_RUN_STATES, FileState, NodeState, RunState

if TYPE_CHECKING:
    from tests.chaos.world import World

Version = tuple[str, str]


def check_world(world: "World") -> None:
    """Check the books of a simulated world, its tables and what is left of its orchestrations."""
    world.call(check_books)
    world.call(lambda connection: check_files(connection, world.landed, world.taken_in()))
    assert world.started_too_early == []
    doubled = {attempt: count for attempt, count in world.jobs.executed.items() if count > 1}
    assert doubled == {}, f"attempts executed more than once: {doubled}"
    running = [run.specs[0].node for run in world.jobs.runs.values() if run.status is None]
    assert running == [], f"job runs that nobody waits for: {running}"
    assert world.open_instances() == [], "instances that wait for nothing"


def check_books(connection: sa.Connection) -> None:
    """Check all that holds after any history: every row has ended, every counter is what counting gives.

    Raises:
        AssertionError: Something is stuck, lost or doubled.
    """
    _check_runs(connection)
    _check_events(connection)
    _check_once(connection)
    leases = connection.execute(sa.select(product_leases.c.State)).all()
    assert {row.State for row in leases} <= {"idle"}, "a lease is held by nobody"
    claimed = connection.execute(
        sa.select(landed_files.c.Url).where(landed_files.c.State.in_([FileState.PENDING, FileState.CLAIMED]))
    ).all()
    assert claimed == [], "files that nobody will take in"


def check_files(connection: sa.Connection, landed: Iterable[Version], taken_in: Counter[Version]) -> None:
    """Check that each landed version stands once in the ledger, and its rows once in the tables if it is done.

    Args:
        landed: URL and ETag of every version that was announced.
        taken_in: How often the rows of each version, by ``abfss://`` address and ETag, are in the tables.
    """
    rows = connection.execute(sa.select(landed_files.c.Url, landed_files.c.ETag, landed_files.c.State)).all()
    ledger = Counter((row.Url, row.ETag) for row in rows)
    wanted = set(landed)
    assert set(ledger) == wanted, (
        f"{len(wanted - set(ledger))} versions lost, {len(set(ledger) - wanted)} invented"
    )
    assert set(ledger.values()) <= {1}, "a version stands twice in the ledger"
    done = {(parse_blob_url(row.Url).abfss(), row.ETag) for row in rows if row.State == FileState.DONE}
    assert Counter(done) == taken_in, (
        f"{len(done - set(taken_in))} done without rows, {len(set(taken_in) - done)} rows of files that are not done, "
        f"{sum(count > 1 for count in taken_in.values())} taken in more than once"
    )


def _check_runs(connection: sa.Connection) -> None:
    states: dict[str, Counter[NodeState]] = defaultdict(Counter)
    for row in connection.execute(sa.select(node_runs.c.RunID, node_runs.c.State)):
        states[row.RunID][NodeState(row.State)] += 1
    for run in connection.execute(sa.select(runs)):
        counts = states[run.RunID]
        assert RunState(run.State) in FINAL_RUN_STATES, f"run {run.RunID} is {run.State}"
        assert set(counts) <= FINAL_NODE_STATES, f"run {run.RunID}: {dict(counts)}"
        assert run.NodeCount == counts.total()
        assert (run.OpenNodes, run.ActiveNodes) == (0, 0), f"run {run.RunID}: the counters are wrong"
        if run.State == RunState.SUCCEEDED:
            assert set(counts) == {NodeState.SUCCEEDED}


def _check_events(connection: sa.Connection) -> None:
    """Every run and node has one unbroken chain of changes that ends where it stands."""
    chains: dict[tuple[str, str | None], str | None] = {}
    query = sa.select(
        run_events.c.RunID, run_events.c.NodeKey, run_events.c.FromState, run_events.c.ToState
    ).order_by(run_events.c.RunEventID)
    first_states = {None, NodeState.WAITING, NodeState.READY}
    for event in connection.execute(query):
        key = (event.RunID, event.NodeKey)
        before = chains.get(key)
        if before is None:
            assert event.FromState in first_states, (key, event.FromState, event.ToState)
        else:
            assert event.FromState == before, (key, before, event.FromState, event.ToState)
        chains[key] = event.ToState
    for row in connection.execute(sa.select(node_runs.c.RunID, node_runs.c.NodeKey, node_runs.c.State)):
        assert chains[row.RunID, row.NodeKey] == row.State
    for row in connection.execute(sa.select(runs.c.RunID, runs.c.State)):
        assert chains[row.RunID, None] == row.State


def _check_once(connection: sa.Connection) -> None:
    """What is written once per run or attempt is there once."""
    for table, columns in (
        (run_plans, ("RunID",)),
        (node_attempts, ("RunID", "NodeKey", "Attempt")),
        (data_quality_results, ("RunID", "NodeKey", "RuleName")),
        (lineage_edges, ("RunID", "NodeKey", "SourceDataSet", "TargetDataSet")),
    ):
        keys = [table.c[name] for name in columns]
        doubled = connection.execute(sa.select(*keys).group_by(*keys).having(sa.func.count() > 1)).all()
        assert doubled == [], f"{table.name}: {doubled[:3]}"
    unfinished = connection.execute(
        sa.select(node_attempts.c.RunID, node_attempts.c.NodeKey, node_attempts.c.Attempt).where(
            node_attempts.c.FinishedAt.is_(None)
        )
    ).all()
    assert unfinished == [], f"attempts without an end: {unfinished[:3]}"


def nothing_left(connection: sa.Connection) -> bool:
    """Return whether no file waits, no run is open, no request is pending, no lease is held and no job is sought."""
    open_work = (
        sa.select(landed_files.c.LandedFileID).where(
            landed_files.c.State.in_([FileState.PENDING, FileState.CLAIMED])
        ),
        sa.select(runs.c.RunID).where(runs.c.State.not_in(FINAL_RUN_STATES)),
        sa.select(run_requests.c.RequestID).where(run_requests.c.State == RequestState.PENDING),
        sa.select(product_leases.c.DataProductID).where(product_leases.c.State != LeaseState.IDLE),
        sa.select(open_submissions.c.RunID),
    )
    return all(connection.execute(query.limit(1)).first() is None for query in open_work)
