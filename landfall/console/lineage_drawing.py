"""Lineage as a drawing: datasets in columns by their distance from one of them, what they are made of on the left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from landfall.metadata.lineage import LineageLink

WIDTH = 210
HEIGHT = 44
GAP_X = 70
GAP_Y = 14
MOST_IN_COLUMN = 40


@dataclass(frozen=True, slots=True)
class Box:
    """A dataset; ``x`` and ``y`` are its upper left corner, in pixels.

    Attributes:
        product: ``domain/product``, or ``quarantine/domain/product`` for refused rows.
    """

    full_name: str
    product: str
    name: str
    x: int
    y: int
    is_subject: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Data flows from one box to another; ``path`` is the path of an SVG."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes and lines; ``hidden`` is how many datasets have no place."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    hidden: int


def draw(subject: str, upstream: Iterable[LineageLink], downstream: Iterable[LineageLink]) -> Drawing:
    """Return the drawing of what leads to a dataset and away from it.

    Args:
        subject: Full name of the dataset.
    """
    links = [*upstream, *downstream]
    columns = _columns(subject, links)
    first = min(columns.values())
    by_column: dict[int, list[str]] = {}
    for name in sorted(columns):
        by_column.setdefault(columns[name] - first, []).append(name)
    hidden = sum(max(len(names) - MOST_IN_COLUMN, 0) for names in by_column.values())
    tallest = max(min(len(names), MOST_IN_COLUMN) for names in by_column.values())
    height = tallest * (HEIGHT + GAP_Y) - GAP_Y
    boxes: dict[str, Box] = {}
    for column, names in by_column.items():
        shown = names[:MOST_IN_COLUMN]
        if subject in names and subject not in shown:
            shown[-1] = subject
        top = (height - (len(shown) * (HEIGHT + GAP_Y) - GAP_Y)) // 2
        for row, name in enumerate(shown):
            product, _, dataset = name.rpartition(".")
            boxes[name] = Box(
                name,
                product,
                dataset,
                column * (WIDTH + GAP_X),
                top + row * (HEIGHT + GAP_Y),
                name == subject,
            )
    pairs = dict.fromkeys((link.source.dataset, link.target.dataset) for link in links)
    lines = tuple(
        Line(source, target, _path(boxes[source], boxes[target]))
        for source, target in pairs
        if source in boxes and target in boxes and source != target
    )
    width = (max(by_column) + 1) * (WIDTH + GAP_X) - GAP_X
    return Drawing(tuple(boxes.values()), lines, width, height, hidden)


def _columns(subject: str, links: Iterable[LineageLink]) -> Mapping[str, int]:
    """Return the column of each dataset: as far from the subject as the longest way there, so lines go right."""
    pairs = {(link.source.dataset, link.target.dataset) for link in links}
    column = {subject: 0}
    for towards in (-1, 1):
        frontier, steps = {subject}, 0
        # Products have no circles, so no way is longer than there are datasets.
        while frontier and steps <= len(pairs):
            steps += 1
            if towards < 0:
                frontier = {source for source, target in pairs if target in frontier and source != target}
            else:
                frontier = {target for source, target in pairs if source in frontier and source != target}
            for name in frontier - {subject}:
                column[name] = towards * steps
    return column


def _path(source: Box, target: Box) -> str:
    x1, y1 = source.x + WIDTH, source.y + HEIGHT // 2
    x2, y2 = target.x, target.y + HEIGHT // 2
    bend = max((x2 - x1) // 2, 20)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
