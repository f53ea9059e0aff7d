"""The graph of a run as boxes: what is collapsed, what opens; the drawing overlaps nowhere; and the timeline."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.console.graph.boxes import (
    MOST_OF_BAND,
    MOST_SINGLE,
    Boxes,
    BoxKind,
    collapse,
    group_path,
    view_of,
)
from landfall.console.graph.drawing import WIDTH, draw
from landfall.console.timeline import SCALE, make_timeline
from landfall.planning.places import MOST_BANDS, place_nodes
from landfall.planning.plan import NodeKey, NodeKind, PlanNode
from landfall.runs.run_graph import Band, BandKey, EdgesOfNodes, GraphNode, Outline
from landfall.runs.run_timeline import LayerTime, NodeTime
from landfall.runs.states import NodeState

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Whole:
    """All of a graph, of which the boxes get what SQL would read of it."""

    nodes: dict[NodeKey, GraphNode]
    upstream: dict[NodeKey, tuple[NodeKey, ...]]

    @property
    def outline(self) -> Outline:
        members: dict[BandKey, list[GraphNode]] = {}
        for node in self.nodes.values():
            members.setdefault(node.band, []).append(node)
        layers = list(dict.fromkeys(node.band.layer for node in self.nodes.values()))
        edges = Counter((self.nodes[one].band, self.nodes[other].band) for one, other in self.edges)
        bands = []
        for key in sorted(members, key=lambda key: (layers.index(key.layer), key.number)):
            steps = [node.step for node in members[key]]
            bands.append(Band(key, len(steps), min(steps), max(steps), sum(steps) / len(steps)))
        return Outline(tuple(bands), edges)

    @property
    def edges(self) -> list[tuple[NodeKey, NodeKey]]:
        return [(before, key) for key, others in self.upstream.items() for before in others]

    def boxes(self, *opened: str, chosen: str | None = None) -> Boxes:
        outline = self.outline
        view = view_of(outline, opened)
        states: dict[BandKey, Counter[NodeState]] = {}
        for node in self.nodes.values():
            states.setdefault(node.band, Counter())[node.state] += 1
        shown: list[GraphNode] = []
        for part in view.parts:
            of_part = [
                node
                for node in self.nodes.values()
                if part.layer in {None, node.band.layer} and part.band in {None, node.band.number}
            ]
            of_part.sort(key=lambda node: (node.key != chosen, node.state is not NodeState.FAILED))
            shown += of_part[: part.most]
        keys = {node.key for node in shown}
        edges = EdgesOfNodes(
            between=tuple(edge for edge in self.edges if keys.issuperset(edge)),
            before=Counter((self.nodes[one].band, other) for one, other in self.edges if other in keys),
            after=Counter((one, self.nodes[other].band) for one, other in self.edges if one in keys),
        )
        return collapse(outline, states, view, shown, edges)


def a_graph(*nodes: tuple[str, str, tuple[str, ...]], **states: NodeState) -> Whole:
    """Return the graph of nodes, each with its layer and those that it waits for, upstreams first."""
    plan = [
        PlanNode(
            NodeKey(name),
            NodeKind.TRANSFORM,
            name,
            (),
            tuple(NodeKey(other) for other in before),
            layer,
            lambda _: {},
        )
        for name, layer, before in nodes
    ]
    places = place_nodes(plan)
    found = {}
    for node in plan:
        place = places[node.key]
        state = states.get(node.key, NodeState.SUCCEEDED)
        band = BandKey(place.layer, place.band)
        found[node.key] = GraphNode(node.key, band, place.step, state, 1, None, None, None)
    return Whole(found, {node.key: node.depends_on for node in plan})


def a_large_graph(nodes: int = 3_000, **states: NodeState) -> Whole:
    """Return a graph of three layers, in which a node of a layer reads one of the layer before, and some their own."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for number in range(nodes):
        layer = ("bronze", "silver", "gold")[min(number * 3 // nodes, 2)]
        before = () if layer == "bronze" else (f"n{number - nodes // 3}", f"n{number - 1 - number % 5}")
        found.append((f"n{number}", layer, before))
    return a_graph(*found, **states)


@pytest.fixture(scope="module")
def large() -> Whole:
    return a_large_graph(n2500=NodeState.FAILED)


def test_a_small_run_shows_every_node_and_edge() -> None:
    graph = a_graph(
        ("a", "bronze", ()), ("b", "silver", ("a",)), ("c", "gold", ("a", "b")), b=NodeState.FAILED
    )

    boxes = graph.boxes()

    assert [(box.name, box.kind, dict(box.states)) for box in boxes.boxes] == [
        ("a", BoxKind.NODE, {NodeState.SUCCEEDED: 1}),
        ("b", BoxKind.NODE, {NodeState.FAILED: 1}),
        ("c", BoxKind.NODE, {NodeState.SUCCEEDED: 1}),
    ]
    assert {(edge.before, edge.after) for edge in boxes.edges} == {("a", "b"), ("a", "c"), ("b", "c")}


def test_a_large_run_is_its_layers_until_one_is_opened(large: Whole) -> None:
    boxes = large.boxes()

    assert [(box.name, box.opens) for box in boxes.boxes] == [
        ("bronze", True),
        ("silver", True),
        ("gold", True),
    ]
    assert sum(box.nodes for box in boxes.boxes) == len(large.nodes)


def test_however_much_is_opened_the_boxes_stay_few_and_miss_no_node_or_edge(large: Whole) -> None:
    everything = [f"{layer}.{band}" for layer in large.outline.layers for band in range(MOST_BANDS)]
    for opened in (("silver",), ("silver", "silver.3"), (*large.outline.layers, *everything)):
        boxes = large.boxes(*opened)

        assert sum(box.nodes for box in boxes.boxes) == len(large.nodes)
        assert len(boxes.boxes) < 1_000
        nodes = {box.name for box in boxes.boxes if box.kind is BoxKind.NODE}
        box_of = {key: key if key in nodes else _box_of(node, boxes) for key, node in large.nodes.items()}
        expected = Counter(
            (box_of[one], box_of[other]) for one, other in large.edges if box_of[one] != box_of[other]
        )
        assert {(edge.before, edge.after): edge.count for edge in boxes.edges} == dict(expected)


def _box_of(node: GraphNode, boxes: Boxes) -> str:
    """Return the name of the box of a node that is not shown by itself."""
    names = {box.name for box in boxes.boxes}
    layer, band = node.band.layer, f"{node.band.layer}.{node.band.number}"
    return next(name for name in (layer, band, f"{band}+") if name in names)


def test_an_open_band_shows_first_what_needs_somebody(large: Whole) -> None:
    path = group_path(large.outline, large.nodes[NodeKey("n2500")].band)

    boxes = large.boxes(*path)
    shown = [box for box in boxes.boxes if box.kind is BoxKind.NODE]

    assert len(path) == 2
    assert len(shown) <= MOST_OF_BAND
    assert shown[0].name == "n2500"


def test_a_chosen_node_is_seen_wherever_it_stands(large: Whole) -> None:
    for key in (NodeKey("n0"), NodeKey("n1500"), NodeKey("n2999")):
        path = group_path(large.outline, large.nodes[key].band)
        assert key in {box.name for box in large.boxes(*path, chosen=key).boxes}


def test_names_that_open_nothing_are_passed_over(large: Whole) -> None:
    assert large.boxes("none", "", "gold.99").opened == {}


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
    graph = a_graph(
        *(
            (f"n{number}", layer, tuple(f"n{other}" for other in sorted(before) if other < number))
            for number, (layer, before) in enumerate(nodes)
        )
    )
    boxes = graph.boxes()

    check(boxes)

    x = {placed.box.name: placed.x for placed in draw(boxes).boxes}
    assert all(x[edge.before] < x[edge.after] for edge in boxes.edges)


def test_layers_that_lead_to_each_other_in_a_circle_are_drawn_all_the_same() -> None:
    rows: list[tuple[str, str, tuple[str, ...]]] = [(f"b{number}", "bronze", ()) for number in range(40)]
    rows += [(f"s{number}", "silver", (f"b{number}",)) for number in range(40)]
    rows += [(f"g{number}", "gold", (f"s{number}",)) for number in range(40)]
    graph = a_graph(*rows, ("late", "silver", ("g39",)))

    boxes = graph.boxes()

    check(boxes)
    assert [(placed.edge.before, placed.edge.after) for placed in draw(boxes).edges if placed.back] == [
        ("gold", "silver")
    ]


def at_work(
    key: str, start_s: int, end_s: int | None, *, ready_s: int | None = None, layer: str = "silver"
) -> NodeTime:
    return NodeTime(
        NodeKey(key),
        layer,
        NodeState.RUNNING if end_s is None else NodeState.SUCCEEDED,
        1,
        None if ready_s is None else NOW + timedelta(seconds=ready_s),
        NOW + timedelta(seconds=start_s),
        None if end_s is None else NOW + timedelta(seconds=end_s),
    )


def test_bars_stand_where_nodes_waited_started_and_ended() -> None:
    nodes = [at_work("a", 0, 10), at_work("b", 12, 20, ready_s=10), at_work("c", 50, None, ready_s=40)]
    layers = [LayerTime("silver", 3, 1, NOW, NOW + timedelta(seconds=20))]

    timeline = make_timeline(
        nodes, layers, critical={NodeKey("c")}, begun_at=NOW, until=NOW + timedelta(seconds=100)
    )

    assert [(bar.key, bar.waited, bar.start, bar.end, bar.critical) for bar in timeline.bars] == [
        ("a", 0, 0, 100, False),
        ("b", 100, 120, 200, False),
        ("c", 400, 500, SCALE, True),
    ]
    assert timeline.ticks == (0, 25, 50, 75, 100)
    assert (timeline.hidden, timeline.layers) == (0, ())


def test_where_some_nodes_have_no_bar_each_layer_has_one() -> None:
    layers = [
        LayerTime("bronze", 5_000, 0, NOW, NOW + timedelta(seconds=40)),
        LayerTime("silver", 3_000, 2, NOW + timedelta(seconds=20), NOW + timedelta(seconds=90)),
    ]

    timeline = make_timeline(
        [at_work("a", 0, 10)], layers, critical=(), begun_at=NOW, until=NOW + timedelta(seconds=100)
    )

    assert timeline.hidden == 7_999
    assert [(bar.layer, bar.start, bar.end, bar.seconds) for bar in timeline.layers] == [
        ("bronze", 0, 400, 40),
        ("silver", 200, SCALE, 80),
    ]


def test_a_run_in_which_nothing_has_started_has_no_bars() -> None:
    timeline = make_timeline([], [], critical=(), begun_at=NOW, until=NOW)

    assert (timeline.bars, timeline.layers, timeline.hidden) == ((), (), 0)
