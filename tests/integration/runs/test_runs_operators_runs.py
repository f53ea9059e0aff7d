"""What operators read of runs: the list, narrowed and paged, and one run as a graph and node by node."""

from datetime import timedelta
from functools import partial

import pytest

from landfall.metadata.engine import Database
from landfall.metadata.paging import NotACursor
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.planning.plan import NodeKey
from landfall.runs.closing import UnknownRun
from landfall.runs.ids import RunID
from landfall.runs.run_graph import last_event
from landfall.runs.run_list import (
    OPEN_STATES,
    RunFilter,
    RunOrder,
    count_runs,
    find_runs,
    get_run_summary,
)
from landfall.runs.run_nodes import (
    NodeFilter,
    NodeNotInRun,
    find_events,
    find_node_files,
    find_nodes,
    get_node,
)
from landfall.runs.states import NodeState, RunState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land

DIAMOND = a_product(
    a_transformation("build_orders", output="orders"),
    a_transformation("left", inputs=("orders",), output="left_side"),
    a_transformation("right", inputs=("orders",), output="right_side"),
    a_transformation("total", inputs=("left_side", "right_side"), output="total"),
)
FINANCE = Scope(frozenset({"finance"}))


def run_once(database: Database, number: int, *, failing: frozenset[str] = frozenset()) -> RunID:
    land(database, f"orders_landed/{number}.csv", etag=f"0x{number}")
    run_id = begin(database, f"r{number}", now=NOW + timedelta(hours=number))
    assert run_id is not None
    finish(database, run_id, failing=failing, now=NOW + timedelta(hours=number))
    return run_id


def found(database: Database, wanted: RunFilter, scope: Scope = EVERYTHING) -> list[str]:
    page = database.read(partial(find_runs, wanted=wanted, scope=scope))
    return [run.run_id for run in page.items]


@pytest.fixture
def three(database: Database) -> Database:
    """A store with two runs that have ended, of which the second failed, and one that goes on."""
    apply(database, DIAMOND)
    run_once(database, 1)
    run_once(database, 2, failing=frozenset({"left"}))
    land(database, "orders_landed/3.csv", etag="0x3")
    begin(database, "r3", now=NOW + timedelta(hours=3))
    return database


def test_runs_are_narrowed_by_each_field(three: Database) -> None:
    assert found(three, RunFilter()) == ["r3", "r2", "r1"]
    assert found(three, RunFilter(states=frozenset({RunState.FAILED}))) == ["r2"]
    assert found(three, RunFilter(states=OPEN_STATES)) == ["r3"]
    assert found(three, RunFilter(product="sales/orders", begins="r1")) == ["r1"]
    assert found(three, RunFilter(product="sales/returns")) == []
    assert found(three, RunFilter(since=NOW + timedelta(hours=2), until=NOW + timedelta(hours=3))) == ["r2"]
    assert found(three, RunFilter(trigger="http")) == []
    assert found(three, RunFilter(begins="%")) == []


def test_runs_of_domains_that_are_not_seen_are_not_there(three: Database) -> None:
    assert found(three, RunFilter(), FINANCE) == []
    assert three.read(partial(count_runs, wanted=RunFilter(), scope=FINANCE)) == 0
    with pytest.raises(UnknownRun):
        three.read(partial(get_run_summary, run_id=RunID("r1"), scope=FINANCE))


def test_counting_stops_where_it_is_told_to(three: Database) -> None:
    assert three.read(partial(count_runs, wanted=RunFilter())) == 3
    assert three.read(partial(count_runs, wanted=RunFilter(), most=2)) == 2


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (RunOrder.NEWEST, ["r3", "r2", "r1"]),
        (RunOrder.OLDEST, ["r1", "r2", "r3"]),
        (RunOrder.LAST_ENDED, ["r2", "r1"]),
    ],
)
def test_page_by_page_every_run_comes_once(three: Database, order: RunOrder, expected: list[str]) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = three.read(partial(find_runs, wanted=RunFilter(), order=order, limit=1, cursor=cursor))
        seen += [run.run_id for run in page.items]
        cursor = page.following
        if cursor is None:
            break

    assert seen == expected


def test_a_cursor_of_another_order_is_refused(three: Database) -> None:
    cursor = three.read(partial(find_runs, wanted=RunFilter(), limit=1)).following

    with pytest.raises(NotACursor):
        three.read(partial(find_runs, wanted=RunFilter(), order=RunOrder.LAST_ENDED, cursor=cursor))


def test_every_change_of_a_run_has_a_higher_number(three: Database) -> None:
    before = three.read(partial(last_event, run_id=RunID("r3")))
    finish(three, RunID("r3"), now=NOW + timedelta(hours=3))

    assert before < three.read(partial(last_event, run_id=RunID("r3")))
    assert three.read(partial(last_event, run_id=RunID("none"))) == 0


def test_nodes_are_narrowed_and_come_upstreams_first(three: Database) -> None:
    def keys(wanted: NodeFilter) -> list[str]:
        page = three.read(partial(find_nodes, run_id=RunID("r2"), wanted=wanted))
        return [node.key for node in page.items]

    assert keys(NodeFilter())[0] == "ingest.orders_landed"
    assert keys(NodeFilter(states=frozenset({NodeState.FAILED, NodeState.SKIPPED}))) == ["left", "total"]
    assert keys(NodeFilter(layer="bronze")) == ["ingest.orders_landed"]
    assert keys(NodeFilter(contains="build_")) == ["build_orders"]
    assert keys(NodeFilter(contains="%")) == []


def test_a_node_comes_with_what_is_around_it(three: Database) -> None:
    left = three.read(partial(get_node, run_id=RunID("r2"), key=NodeKey("left")))
    ingest = three.read(partial(get_node, run_id=RunID("r2"), key=NodeKey("ingest.orders_landed")))

    assert [(near.key, near.state) for near in left.upstream] == [("build_orders", "succeeded")]
    assert [(near.key, near.state) for near in left.downstream] == [("total", "skipped")]
    assert [(attempt.number, attempt.job_run_id) for attempt in left.attempts] == [(1, 1)]
    assert left.files == ()
    assert [file.url.rpartition("/")[2] for file in ingest.files] == ["2.csv"]
    with pytest.raises(NodeNotInRun):
        three.read(partial(get_node, run_id=RunID("r2"), key=NodeKey("none")))


def test_files_and_changes_of_a_run_come_page_by_page(three: Database) -> None:
    files = three.read(partial(find_node_files, run_id=RunID("r1")))
    first = three.read(partial(find_events, run_id=RunID("r1"), limit=3))
    second = three.read(partial(find_events, run_id=RunID("r1"), limit=3, cursor=first.following))
    of_left = three.read(partial(find_events, run_id=RunID("r1"), node=NodeKey("left")))

    assert [file.dataset for file in files.items] == ["orders_landed"]
    numbers = [event.event_id for event in (*first.items, *second.items)]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 6
    assert {event.key for event in of_left.items} == {"left"}
