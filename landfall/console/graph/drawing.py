"""Where the boxes of a graph stand and how its edges run: columns from left to right, few crossings.

The steps are those of Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system structures,
IEEE Transactions on Systems, Man, and Cybernetics 11 (1981): columns, places that stand in for edges which pass a
column, orders by the mean of the neighbours, then heights.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from landfall.console.graph.boxes import Box, Boxes, BoxKind, Edge

WIDTH = 216
NODE_HEIGHT = 40
GROUP_HEIGHT = 58
_COLUMN_GAP = 52
_ROW_GAP = 14
_PASSING_HEIGHT = 12
_MARGIN = 6
_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box with its upper left corner, pixels."""

    box: Box
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge as the ``d`` of an SVG path; ``back`` if it leads to the left."""

    edge: Edge
    path: str
    back: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph that can be drawn; sizes in pixels."""

    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    edges: tuple[PlacedEdge, ...]


@dataclass(slots=True)
class _Place:
    """A box in its column, or a place where an edge passes one."""

    name: str
    column: int
    height: float
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def draw(graph: Boxes) -> Drawing:
    """Return the graph with a place for each box and a path for each edge."""
    columns_of = _columns(graph)
    forward = [edge for edge in graph.edges if columns_of[edge.before] < columns_of[edge.after]]
    places = {box.name: _Place(box.name, columns_of[box.name], _height(box)) for box in graph.boxes}
    chains = {edge: _chain(edge, columns_of, places) for edge in forward}
    columns = _ordered(places, chains.values())
    _set_heights(columns, chains.values())
    lowest = min((place.y for place in places.values()), default=0.0)
    for place in places.values():
        place.y += _MARGIN - lowest
    boxes = tuple(
        PlacedBox(box, _x(places[box.name].column), places[box.name].y, places[box.name].height)
        for box in graph.boxes
    )
    edges = tuple(
        PlacedEdge(edge, _path([places[name] for name in chains[edge]]), back=False)
        if edge in chains
        else PlacedEdge(edge, _back(places[edge.before], places[edge.after]), back=True)
        for edge in graph.edges
    )
    return Drawing(
        width=_x(len(columns) - 1) + WIDTH + _MARGIN if columns else 0,
        height=max((place.y + place.height for place in places.values()), default=0) + _MARGIN,
        boxes=boxes,
        edges=edges,
    )


def _height(box: Box) -> float:
    return NODE_HEIGHT if box.kind is BoxKind.NODE else GROUP_HEIGHT


def _x(column: int) -> float:
    return _MARGIN + column * (WIDTH + _COLUMN_GAP)


def _columns(graph: Boxes) -> dict[str, int]:
    """Return the column of each box: behind everything that leads to it.

    Groups may lead to each other in a circle, nodes never do. A circle is cut before the box of the lowest mean rank.
    """
    waits: dict[str, set[str]] = {box.name: set() for box in graph.boxes}
    for edge in graph.edges:
        waits[edge.after].add(edge.before)
    columns: dict[str, int] = {}
    left = {box.name: box.rank for box in sorted(graph.boxes, key=lambda box: box.rank)}
    while left:
        name = next((name for name in left if waits[name].isdisjoint(left)), next(iter(left)))
        before = (columns[other] for other in waits[name] if other in columns)
        columns[name] = 1 + max(before, default=-1)
        del left[name]
    return columns


def _chain(edge: Edge, columns: Mapping[str, int], places: dict[str, _Place]) -> list[str]:
    """Return the names of the places that an edge runs through, those in the columns it passes added."""
    chain = [edge.before]
    for column in range(columns[edge.before] + 1, columns[edge.after]):
        name = f"{edge.before}\0{edge.after}\0{column}"
        places[name] = _Place(name, column, _PASSING_HEIGHT)
        chain.append(name)
    return [*chain, edge.after]


def _ordered(places: Mapping[str, _Place], chains: Collection[list[str]]) -> list[list[_Place]]:
    """Return the columns, each in an order that crosses few edges."""
    columns: list[list[_Place]] = [
        [] for _ in range(1 + max((p.column for p in places.values()), default=-1))
    ]
    for place in places.values():
        columns[place.column].append(place)
    left, right = _neighbours(chains)
    for sweep in range(_SWEEPS):
        forwards = sweep % 2 == 0
        for column in columns if forwards else reversed(columns):
            _order_by_neighbours(column, columns, left if forwards else right)
    return columns


def _order_by_neighbours(
    column: list[_Place], columns: Sequence[Sequence[_Place]], neighbours: Mapping[str, Sequence[str]]
) -> None:
    """Sort a column by the mean place of each one's neighbours; who has none stays where it is."""
    at = {place.name: index for other in columns for index, place in enumerate(other)}

    def wish(place: _Place) -> float:
        near = neighbours.get(place.name)
        return sum(at[name] for name in near) / len(near) if near else at[place.name]

    column.sort(key=wish)


def _neighbours(chains: Collection[list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for chain in chains:
        for before, after in pairwise(chain):
            left.setdefault(after, []).append(before)
            right.setdefault(before, []).append(after)
    return left, right


def _set_heights(columns: Sequence[list[_Place]], chains: Collection[list[str]]) -> None:
    """Give every place a height near its neighbours, in the order of its column and clear of the next one."""
    left, right = _neighbours(chains)
    by_name = {place.name: place for column in columns for place in column}
    for column in columns:
        y = 0.0
        for place in column:
            place.y = y
            y += place.height + _ROW_GAP
    for sweep in range(_SWEEPS):
        forwards = sweep % 2 == 0
        for column in columns if forwards else reversed(columns):
            wishes = []
            for place in column:
                near = (left if forwards else right).get(place.name) or (right if forwards else left).get(
                    place.name
                )
                middle = sum(by_name[name].middle for name in near) / len(near) if near else place.middle
                wishes.append(middle - place.height / 2)
            _settle(column, wishes)


def _settle(column: Sequence[_Place], wishes: Sequence[float]) -> None:
    """Put places as near to their wishes as their order and the gaps between them allow.

    Neighbours that would overlap are joined into a block that stands at the mean of what its members wish.
    """
    blocks: list[tuple[list[_Place], float, float]] = []
    for place, wish in zip(column, wishes, strict=True):
        members, start, size = [place], wish, place.height
        while blocks and blocks[-1][1] + blocks[-1][2] + _ROW_GAP > start:
            before, earlier, taken = blocks.pop()
            joined = taken + _ROW_GAP + size
            # The later block wishes that the joined one began as far above it as the earlier one is high.
            start = (earlier * len(before) + (start - taken - _ROW_GAP) * len(members)) / (
                len(before) + len(members)
            )
            members, size = before + members, joined
        blocks.append((members, start, size))
    for members, start, _ in blocks:
        y = start
        for place in members:
            place.y = y
            y += place.height + _ROW_GAP


def _path(places: Sequence[_Place]) -> str:
    """Return a path from the right side of the first place to the left side of the last one."""
    first, last = places[0], places[-1]
    parts = [f"M{_x(first.column) + WIDTH:g} {first.middle:.1f}"]
    x, y = _x(first.column) + WIDTH, first.middle
    for place in places[1:]:
        to_x, to_y = _x(place.column), place.middle
        bend = (to_x - x) / 2
        parts.append(f"C{x + bend:g} {y:.1f} {to_x - bend:g} {to_y:.1f} {to_x:g} {to_y:.1f}")
        x, y = to_x, to_y
        if place is not last:
            x += WIDTH
            parts.append(f"H{x:g}")
    return "".join(parts)


def _back(before: _Place, after: _Place) -> str:
    """Return a path that leaves a place at its lower side and comes to the other one from below."""
    x, y = _x(before.column) + WIDTH / 2, before.y + before.height
    to_x, to_y = _x(after.column) + WIDTH / 2, after.y + after.height
    low = max(y, to_y) + 24
    return f"M{x:g} {y:.1f}C{x:g} {low:.1f} {to_x:g} {low:.1f} {to_x:g} {to_y:.1f}"
