"""The live table: what it shows of a run, and which nodes when there are too many for a terminal."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console

from landfall.cli.progress import RunFollower, nodes_to_show, run_table
from landfall.metadata.engine import Database
from landfall.planning.plan import NodeKey
from landfall.runs.costs import RunCosts
from landfall.runs.ids import RunID
from landfall.runs.queries import NodeSummary, RunDetail, RunSummary
from landfall.runs.states import NodeState, RunState
from landfall.runs.verdict import Verdict
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import apply, open_a_run, settle

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def a_node(
    key: str = "orders", state: NodeState = NodeState.SUCCEEDED, *, took_s: float = 1.0
) -> NodeSummary:
    ended = state in {NodeState.SUCCEEDED, NodeState.FAILED}
    return NodeSummary(
        key=NodeKey(key),
        kind="transform",
        state=state,
        attempt=1,
        output=key,
        layer="silver",
        claimed_at=NOW,
        started_at=NOW if ended or state is NodeState.RUNNING else None,
        finished_at=NOW + timedelta(seconds=took_s) if ended else None,
        job_run_id=1,
        job_run_url=None,
        error_code=None,
        reason=None,
        rows_read=1200 if ended else None,
        rows_published=1000 if ended else None,
        rows_quarantined=200 if ended else None,
        timings_s={},
    )


def a_detail(nodes: Sequence[NodeSummary]) -> RunDetail:
    run = RunSummary(
        run_id=RunID("r1"),
        product="sales/orders",
        trigger="landing",
        state=RunState.RUNNING,
        reason=None,
        nodes=len(nodes),
        open_nodes=1,
        metadata_version=1,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
    )
    return RunDetail(run=run, nodes=tuple(nodes), rules=(), edges=(), left_out={}, costs=RunCosts(0, {}))


def _drawn(detail: RunDetail, *, max_nodes: int = 20) -> str:
    page = io.StringIO()
    Console(file=page, width=120).print(
        run_table(detail, now=NOW + timedelta(seconds=4), max_nodes=max_nodes)
    )
    return page.getvalue()


def test_the_table_shows_rows_seconds_and_how_far_the_run_is() -> None:
    page = _drawn(a_detail([a_node("orders"), a_node("daily", NodeState.RUNNING)]))

    assert "sales/orders  run r1  running  1/2 nodes  4.0 s" in page
    assert any(all(word in line for word in ("orders", "1.0", "1,200", "200")) for line in page.splitlines())
    assert any(all(word in line for word in ("daily", "running", "4.0")) for line in page.splitlines())


def test_a_terminal_too_small_shows_what_is_at_work_and_what_failed() -> None:
    nodes = [a_node(f"done{number}", took_s=number) for number in range(50)]
    nodes += [a_node("broken", NodeState.FAILED), a_node("busy", NodeState.RUNNING)]
    nodes += [a_node(f"later{number}", NodeState.WAITING) for number in range(50)]

    shown = [node.key for node in nodes_to_show(nodes, 4)]

    assert shown == ["done48", "done49", "broken", "busy"]
    assert "… 98 more nodes" in _drawn(a_detail(nodes), max_nodes=4)


def test_a_follower_gives_every_change_once(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, "20260101-120000-aaaa")
    follower = RunFollower(database, run)

    first = follower.look()
    nothing = follower.look()
    settle(database, run, "ingest.orders_landed", Verdict(NodeState.SUCCEEDED))
    second = follower.look()

    assert first is not None
    assert nothing is None
    assert second is not None
    ids = [change.event_id for change in (*first.changes, *second.changes)]
    assert ids == sorted(set(ids))
    assert ("ingest.orders_landed", "succeeded") in {(change.key, change.after) for change in second.changes}
