"""When the nodes of a run were at work, as bars on one scale, and the chain of nodes that decided its end."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from landfall.planning.plan import NodeKey
from landfall.runs.run_timeline import LayerTime, NodeTime
from landfall.runs.states import NodeState

SCALE = 1000
"""Length of the scale that bars are measured in."""
ROWS = 100
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A node at work.

    Attributes:
        waited: Where on the scale it began to wait for its start, after the last node that it waited for had ended.
        start: Where on the scale it started.
        end: Where it ended, or how far it is.
        seconds: How long that took.
        critical: Whether it is on the chain that decided the end of the run.
    """

    key: NodeKey
    layer: str
    state: NodeState
    attempt: int
    waited: float
    start: float
    end: float
    seconds: float
    critical: bool


@dataclass(frozen=True, slots=True)
class LayerBar:
    """All nodes of a layer that have started: from the first start to the last end."""

    layer: str
    nodes: int
    at_work: int
    start: float
    end: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars of a run.

    Attributes:
        bars: In the order given.
        layers: Of all nodes that have started, where not all of them have a bar; else empty.
        ticks: Seconds since the beginning at equal distances on the scale, both ends among them.
        hidden: Nodes that started and are not among the bars.
    """

    bars: tuple[Bar, ...]
    layers: tuple[LayerBar, ...]
    ticks: tuple[float, ...]
    hidden: int


def make_timeline(
    nodes: Sequence[NodeTime],
    layers: Sequence[LayerTime],
    *,
    critical: Collection[NodeKey],
    begun_at: datetime,
    until: datetime,
) -> Timeline:
    """Return the timeline of a run.

    Args:
        nodes: Those that get a bar.
        layers: Of all nodes.
        critical: Nodes on the chain that decided the end of the run.
        begun_at: Left end of the scale.
        until: When the run ended, or now: bars of nodes at work reach so far.
    """
    length = max((until - begun_at).total_seconds(), 0.001)

    def place(instant: datetime) -> float:
        return min(max((instant - begun_at).total_seconds() / length * SCALE, 0), SCALE)

    hidden = sum(layer.nodes for layer in layers) - len(nodes)
    return Timeline(
        bars=tuple(_bar(node, node.key in critical, begun_at, until, place) for node in nodes),
        layers=tuple(_layers(layers, until, place)) if hidden > 0 else (),
        ticks=tuple(length * tick / _TICKS for tick in range(_TICKS + 1)),
        hidden=max(hidden, 0),
    )


def _bar(
    node: NodeTime, critical: bool, begun_at: datetime, until: datetime, place: Callable[[datetime], float]
) -> Bar:
    ended_at = node.finished_at or until
    return Bar(
        key=node.key,
        layer=node.layer,
        state=node.state,
        attempt=node.attempt,
        waited=place(min(node.ready_at or begun_at, node.started_at)),
        start=place(node.started_at),
        end=place(ended_at),
        seconds=(ended_at - node.started_at).total_seconds(),
        critical=critical,
    )


def _layers(
    layers: Iterable[LayerTime], until: datetime, place: Callable[[datetime], float]
) -> Iterable[LayerBar]:
    for layer in layers:
        ended_at = until if layer.at_work or layer.ended_at is None else layer.ended_at
        yield LayerBar(
            layer=layer.layer,
            nodes=layer.nodes,
            at_work=layer.at_work,
            start=place(layer.started_at),
            end=place(ended_at),
            seconds=(ended_at - layer.started_at).total_seconds(),
        )
