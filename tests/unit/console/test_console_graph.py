"""The graph of a run as boxes: what is collapsed, what opens; the drawing overlaps nowhere; and the timeline."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.console.graph.boxes import MOST_OF_BAND, MOST_SINGLE, Boxes, BoxKind, collapse, group_path
from landfall.console.graph.drawing import WIDTH, draw
from landfall.console.timeline import ROWS, SCALE, Rows, make_timeline
from landfall.planning.plan import NodeKey
from landfall.runs.run_graph import NodeMoment, ShapeNode
from landfall.runs.states import NodeState

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
Shape = dict[NodeKey, ShapeNode]
Moments = dict[NodeKey, NodeMoment]


def a_shape(*nodes: tuple[str, str, tuple[str, ...]]) -> Shape:
    """Return the graph of nodes, each with its layer and those that it waits for, upstreams first."""
    shape: Shape = {}
    for name, layer, before in nodes:
        upstream = tuple(NodeKey(other) for other in before)
        rank = 1 + max((shape[key].rank for key in upstream), default=-1)
        shape[NodeKey(name)] = ShapeNode(NodeKey(name), "transform", layer, name, rank, upstream)
    return shape


def moments_of(shape: Shape, **states: NodeState) -> Moments:
    return {
        key: NodeMoment(key, states.get(key, NodeState.SUCCEEDED), 1, None, None, None, None) for key in shape
    }


def a_large_shape(nodes: int = 10_000) -> Shape:
    """Return a graph of three layers, in which a node of a layer reads one of the layer before, and some their own."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for number in range(nodes):
        layer = ("bronze", "silver", "gold")[min(number * 3 // nodes, 2)]
        before = () if layer == "bronze" else (f"n{number - nodes // 3}", f"n{number - 1 - number % 5}")
        found.append((f"n{number}", layer, before))
    return a_shape(*found)


@pytest.fixture(scope="module")
def large() -> Shape:
    return a_large_shape()


def test_a_small_run_shows_every_node_and_edge() -> None:
    shape = a_shape(("a", "bronze", ()), ("b", "silver", ("a",)), ("c", "gold", ("a", "b")))

    boxes = collapse(shape, moments_of(shape, b=NodeState.FAILED))

    assert [(box.name, box.kind, dict(box.states)) for box in boxes.boxes] == [
        ("a", BoxKind.NODE, {NodeState.SUCCEEDED: 1}),
        ("b", BoxKind.NODE, {NodeState.FAILED: 1}),
        ("c", BoxKind.NODE, {NodeState.SUCCEEDED: 1}),
    ]
    assert {(edge.before, edge.after) for edge in boxes.edges} == {("a", "b"), ("a", "c"), ("b", "c")}


def test_a_large_run_is_its_layers_until_one_is_opened(large: Shape) -> None:
    boxes = collapse(large, moments_of(large))

    assert [(box.name, box.opens) for box in boxes.boxes] == [
        ("bronze", True),
        ("silver", True),
        ("gold", True),
    ]
    assert sum(box.nodes for box in boxes.boxes) == len(large)


def test_however_much_is_opened_the_boxes_stay_few_and_miss_no_node(large: Shape) -> None:
    moments = moments_of(large)
    opened: tuple[str, ...] = ()
    for _ in range(3):
        boxes = collapse(large, moments, opened=opened)
        opened = tuple(boxes.opened) + tuple(box.name for box in boxes.boxes if box.opens)

    boxes = collapse(large, moments, opened=opened)

    assert sum(box.nodes for box in boxes.boxes) == len(large)
    assert len(boxes.boxes) < 1_000
    assert not any(box.opens for box in boxes.boxes)


def test_an_open_band_shows_first_what_needs_somebody(large: Shape) -> None:
    failed = NodeKey("n9000")
    path = group_path(large, failed)

    boxes = collapse(large, moments_of(large, n9000=NodeState.FAILED), opened=path)
    shown = [box for box in boxes.boxes if box.kind is BoxKind.NODE]

    assert len(path) == 2
    assert len(shown) <= MOST_OF_BAND
    assert shown[0].name == failed


def test_a_chosen_node_is_seen_wherever_it_stands(large: Shape) -> None:
    moments = moments_of(large)

    for key in (NodeKey("n0"), NodeKey("n5000"), NodeKey("n9999")):
        boxes = collapse(large, moments, opened=group_path(large, key), chosen=key)
        assert key in {box.name for box in boxes.boxes}


def test_names_that_open_nothing_are_passed_over(large: Shape) -> None:
    assert collapse(large, moments_of(large), opened=("none", "", "gold.99")).opened == {}


def check(boxes: Boxes) -> None:
    drawing = draw(boxes)
    assert {placed.box.name for placed in drawing.boxes} == {box.name for box in boxes.boxes}
    assert len(drawing.edges) == len(boxes.edges)
    for one, other in combinations(drawing.boxes, 2):
        apart = one.x != other.x or one.y + one.height <= other.y or other.y + other.height <= one.y
        assert apart, (one, other)
    for placed in drawing.boxes:
        assert placed.x >= 0
        assert placed.y >= 0
        assert placed.x + WIDTH <= drawing.width
        assert placed.y + placed.height <= drawing.height


@given(
    st.lists(
        st.tuples(st.sampled_from(["bronze", "silver", "gold"]), st.sets(st.integers(0, 40), max_size=4)),
        max_size=MOST_SINGLE,
    )
)
def test_whatever_the_graph_boxes_never_overlap_and_edges_lead_to_the_right(
    nodes: list[tuple[str, set[int]]],
) -> None:
    shape = a_shape(
        *(
            (f"n{number}", layer, tuple(f"n{other}" for other in sorted(before) if other < number))
            for number, (layer, before) in enumerate(nodes)
        )
    )
    boxes = collapse(shape, moments_of(shape))

    check(boxes)

    x = {placed.box.name: placed.x for placed in draw(boxes).boxes}
    assert all(x[edge.before] < x[edge.after] for edge in boxes.edges)


def test_layers_that_lead_to_each_other_in_a_circle_are_drawn_all_the_same(large: Shape) -> None:
    circle = dict(large)
    last = NodeKey("late")
    circle[last] = ShapeNode(last, "transform", "silver", "late", 9_000, (NodeKey("n9999"),))

    boxes = collapse(circle, moments_of(circle))

    check(boxes)
    assert [(placed.edge.before, placed.edge.after) for placed in draw(boxes).edges if placed.back] == [
        ("gold", "silver")
    ]


def at_work(key: str, start_s: int, end_s: int | None, state: NodeState = NodeState.SUCCEEDED) -> NodeMoment:
    ended = None if end_s is None else NOW + timedelta(seconds=end_s)
    return NodeMoment(NodeKey(key), state, 1, NOW + timedelta(seconds=start_s), ended, 1, 0)


def test_the_critical_path_is_the_chain_that_was_waited_for() -> None:
    shape = a_shape(
        ("a", "bronze", ()), ("b", "silver", ("a",)), ("c", "silver", ("a",)), ("d", "gold", ("b", "c"))
    )
    moments = {
        NodeKey(moment.key): moment
        for moment in (at_work("a", 0, 10), at_work("b", 12, 20), at_work("c", 12, 40), at_work("d", 50, 100))
    }

    timeline = make_timeline(shape, moments, begun_at=NOW, until=NOW + timedelta(seconds=100), rows=Rows.ALL)

    assert timeline.chain == ("a", "c", "d")
    assert [(bar.key, bar.waited, bar.start, bar.end) for bar in timeline.bars] == [
        ("a", 0, 0, 100),
        ("b", 100, 120, 200),
        ("c", 100, 120, 400),
        ("d", 400, 500, SCALE),
    ]
    assert timeline.critical_s == 100
    assert timeline.ticks == (0, 25, 50, 75, 100)


def test_a_node_at_work_reaches_to_now_and_ends_the_chain() -> None:
    shape = a_shape(("a", "bronze", ()), ("b", "silver", ("a",)), ("c", "silver", ()))
    moments = {
        NodeKey("a"): at_work("a", 0, 10),
        NodeKey("b"): at_work("b", 20, None, NodeState.RUNNING),
        NodeKey("c"): at_work("c", 0, 30),
    }

    timeline = make_timeline(
        shape, moments, begun_at=NOW, until=NOW + timedelta(seconds=40), rows=Rows.CRITICAL
    )

    assert [(bar.key, bar.end) for bar in timeline.bars] == [("a", 250), ("b", SCALE)]
    assert timeline.hidden == 1


def test_a_timeline_of_thousands_shows_so_many_and_says_how_many_more(large: Shape) -> None:
    moments = {key: at_work(key, number, number + 1 + number % 50) for number, key in enumerate(large)}
    until = NOW + timedelta(seconds=len(large) + 60)

    longest = make_timeline(large, moments, begun_at=NOW, until=until, rows=Rows.LONGEST)

    assert (len(longest.bars), longest.hidden) == (ROWS, len(large) - ROWS)
    assert {bar.seconds for bar in longest.bars} == {50}


def test_a_run_in_which_nothing_has_started_has_no_bars() -> None:
    shape = a_shape(("a", "bronze", ()))

    timeline = make_timeline(
        shape, moments_of(shape, a=NodeState.WAITING), begun_at=NOW, until=NOW, rows=Rows.ALL
    )

    assert (timeline.bars, timeline.chain, timeline.critical_s) == ((), (), 0)
