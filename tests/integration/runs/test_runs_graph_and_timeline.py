"""One run in bands and as a timeline: what SQL makes of it, and that a large one is not read node by node."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql

from landfall.metadata.durations import elapsed
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.run_graph import (
    BandKey,
    RowTotals,
    band_of,
    edges_of,
    graph_nodes,
    row_totals,
    run_outline,
    states_by_band,
)
from landfall.runs.run_timeline import (
    deciding_chain,
    layer_times,
    longest_times,
    times_by_start,
    times_of,
)
from landfall.runs.settling import settle_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.builders import a_product, a_transformation
from tests.console.seeding import submit
from tests.integration.runs.acting import NOW, apply, begin, finish, land
from tests.integration.runs.test_runs_query_plans import plans_of

RUN = RunID("r1")
DIAMOND = a_product(
    a_transformation("build_orders", output="orders"),
    a_transformation("left", inputs=("orders",), output="left_side"),
    a_transformation("right", inputs=("orders",), output="right_side"),
    a_transformation("total", inputs=("left_side", "right_side"), output="total"),
)
BRONZE, FIRST, SIDES, LAST = BandKey("bronze", 0), *(BandKey("silver", number) for number in range(3))


@pytest.fixture
def begun(database: Database) -> Database:
    """A store with a run that has begun and of which nothing has ended."""
    apply(database, DIAMOND)
    land(database, "orders_landed/1.csv", etag="0x1")
    assert begin(database, RUN, now=NOW) == RUN
    return database


def end(database: Database, key: str, second: int, *, rows: int = 0) -> None:
    """Let a node work for a second, until ``second``."""
    submit(database, RUN, NodeKey(key), now=NOW + timedelta(seconds=second - 1))
    verdict = Verdict(NodeState.SUCCEEDED, rows_read=rows, rows_published=rows - 1, rows_quarantined=1)
    at = NOW + timedelta(seconds=second)
    database.transact(lambda c: settle_node(c, RUN, NodeKey(key), verdict, now=at))


def test_a_run_is_layers_and_bands_of_neighbouring_steps(begun: Database) -> None:
    finish(begun, RUN, failing=frozenset({"left"}), now=NOW)

    outline = begun.read(partial(run_outline, run_id=RUN))

    assert [(band.key, band.nodes, band.first_step) for band in outline.bands] == [
        (BRONZE, 1, 0),
        (FIRST, 1, 1),
        (SIDES, 2, 2),
        (LAST, 1, 3),
    ]
    assert outline.edges == {(BRONZE, FIRST): 1, (FIRST, SIDES): 2, (SIDES, LAST): 2}
    assert begun.read(partial(states_by_band, run_id=RUN)) == {
        BRONZE: {NodeState.SUCCEEDED: 1},
        FIRST: {NodeState.SUCCEEDED: 1},
        SIDES: {NodeState.SUCCEEDED: 1, NodeState.FAILED: 1},
        LAST: {NodeState.SKIPPED: 1},
    }
    assert begun.read(partial(band_of, run_id=RUN, key=NodeKey("left"))) == SIDES
    assert begun.read(partial(band_of, run_id=RUN, key=NodeKey("none"))) is None


def test_nodes_that_need_somebody_come_first_and_the_chosen_one_before_them(begun: Database) -> None:
    finish(begun, RUN, failing=frozenset({"right"}), now=NOW)

    def keys(**wanted: Any) -> list[str]:
        return [node.key for node in begun.read(partial(graph_nodes, run_id=RUN, **wanted))]

    assert keys(layer="silver", band=1, limit=20) == ["right", "left"]
    assert keys(layer="silver", band=1, first=NodeKey("left"), limit=1) == ["left"]
    assert keys(layer="silver", band=1, first=NodeKey("total"), limit=1) == ["right"]
    assert keys(limit=2) == ["right", "total"]


def test_edges_of_some_nodes_are_counted_by_the_band_at_their_other_end(begun: Database) -> None:
    edges = begun.read(partial(edges_of, run_id=RUN, keys=[NodeKey("build_orders"), NodeKey("left")]))

    assert edges.between == (("build_orders", "left"),)
    assert edges.before == {(BRONZE, "build_orders"): 1, (FIRST, "left"): 1}
    assert edges.after == {("build_orders", SIDES): 2, ("left", LAST): 1}


def test_the_chain_goes_back_through_whoever_was_waited_for(begun: Database) -> None:
    for key, second in (("ingest.orders_landed", 2), ("build_orders", 4), ("right", 6), ("left", 9)):
        end(begun, key, second, rows=100)
    submit(begun, RUN, NodeKey("total"), now=NOW + timedelta(seconds=12))

    chain = begun.read(partial(deciding_chain, run_id=RUN))
    times = begun.read(partial(times_of, ids=chain.ids))

    # The left side ended after the right one, and the total is at work.
    assert chain.keys == ("ingest.orders_landed", "build_orders", "left", "total")
    assert times[-1].ready_at == NOW + timedelta(seconds=9)
    assert (times[-1].started_at, times[-1].finished_at) == (NOW + timedelta(seconds=12), None)
    assert begun.read(partial(row_totals, run_id=RUN)) == RowTotals(4 * 99, 4)
    assert begun.read(lambda c: c.execute(sa.select(runs.c.RowsRead)).scalar_one()) == 400


def test_a_run_in_which_nothing_has_started_has_no_chain(begun: Database) -> None:
    assert begun.read(partial(deciding_chain, run_id=RUN)).keys == ()
    assert begun.read(partial(layer_times, run_id=RUN)) == ()
    assert begun.read(partial(times_by_start, run_id=RUN, limit=9)).items == ()


def test_a_timeline_is_read_by_start_page_by_page_by_length_and_by_layer(begun: Database) -> None:
    for key, at in (("ingest.orders_landed", 2), ("build_orders", 4), ("left", 9)):
        end(begun, key, at)
    submit(begun, RUN, NodeKey("right"), now=NOW + timedelta(seconds=5))

    first = begun.read(partial(times_by_start, run_id=RUN, limit=3))
    second = begun.read(partial(times_by_start, run_id=RUN, limit=3, cursor=first.following))
    until = NOW + timedelta(seconds=30)
    longest = begun.read(partial(longest_times, run_id=RUN, until=until, limit=1))
    layers = begun.read(partial(layer_times, run_id=RUN))

    assert [time.key for time in (*first.items, *second.items)] == [
        "ingest.orders_landed",
        "build_orders",
        "right",
        "left",
    ]
    assert second.following is None
    # The one at work takes 25 seconds so far, every other one took one.
    assert [time.key for time in longest] == ["right"]
    assert [(layer.layer, layer.nodes, layer.at_work) for layer in layers] == [
        ("bronze", 1, 0),
        ("silver", 3, 1),
    ]
    assert layers[1].ended_at == NOW + timedelta(seconds=9)


READS: dict[str, Callable[..., Any]] = {
    "states": states_by_band,
    "nodes of a band": partial(graph_nodes, layer="silver", band=1, limit=20),
    "layers over time": layer_times,
    "chain": deciding_chain,
    "by start": partial(times_by_start, limit=100),
    "longest": partial(longest_times, until=NOW, limit=100),
}


@pytest.mark.parametrize("name", READS)
def test_all_nodes_of_a_run_are_met_in_the_index_alone(begun: Database, name: str) -> None:
    steps = plans_of(begun, partial(READS[name], run_id=RUN))

    of_nodes = [step for step in steps if re.match(r"(SCAN|SEARCH) (NodeRuns|Before|Waited)\b", step)]
    assert of_nodes
    for step in of_nodes:
        by_index = "USING COVERING INDEX IX_NodeRuns_RunID_State (RunID=?" in step
        one_by_one = "INTEGER PRIMARY KEY (rowid=?)" in step or "(RunID=? AND NodeKey=?)" in step
        assert by_index or one_by_one, step


def test_what_is_reckoned_in_sql_is_so_on_azure_sql_too() -> None:
    query = sa.select(elapsed(node_runs.c.StartedAt, node_runs.c.FinishedAt))

    compiled = str(query.compile(dialect=mssql.dialect()))

    assert "DATEDIFF_BIG(MICROSECOND, [NodeRuns].[StartedAt], [NodeRuns].[FinishedAt])" in compiled
    sqlglot.parse_one(compiled, read="tsql")
