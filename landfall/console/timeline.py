"""When the nodes of a run were at work, as bars on one scale, and the chain of nodes that decided its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from landfall.planning.plan import NodeKey
from landfall.runs.run_graph import NodeMoment, ShapeNode
from landfall.runs.states import NodeState
from landfall.runs.timing import deciding_chain

SCALE = 1000
"""Length of the scale that bars are measured in."""
ROWS = 100
_TICKS = 4


class Rows(StrEnum):
    """Which nodes a timeline shows."""

    ALL = "all"
    CRITICAL = "critical"
    LONGEST = "longest"


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
    started_at: datetime
    critical: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars of a run.

    Attributes:
        bars: In the order in which the nodes started; of the longest ones, those first.
        ticks: Seconds since the beginning at equal distances on the scale, both ends among them.
        hidden: Nodes that started and are not among the bars.
        critical_s: Seconds from the start of the first node of the chain to the end of its last one.
        chain: Nodes on it.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[float, ...]
    hidden: int
    critical_s: float
    chain: tuple[NodeKey, ...]


def make_timeline(
    shape: Mapping[NodeKey, ShapeNode],
    moments: Mapping[NodeKey, NodeMoment],
    *,
    begun_at: datetime,
    until: datetime,
    rows: Rows,
) -> Timeline:
    """Return the timeline of a run.

    Args:
        begun_at: Left end of the scale.
        until: When the run ended, or now: bars of nodes at work reach so far.
        rows: Which nodes; of more than fit, the first ones.
    """
    length = max((until - begun_at).total_seconds(), 0.001)

    def place(instant: datetime) -> float:
        return min(max((instant - begun_at).total_seconds() / length * SCALE, 0), SCALE)

    chain = _chain(shape, moments)
    on_chain = frozenset(chain)
    bars = [
        Bar(
            key=key,
            layer=shape[key].layer,
            state=moment.state,
            attempt=moment.attempt,
            waited=place(min(_ready_at(shape[key], moments, begun_at), started_at)),
            start=place(started_at),
            end=place(moment.finished_at or until),
            seconds=((moment.finished_at or until) - started_at).total_seconds(),
            started_at=started_at,
            critical=key in on_chain,
        )
        for key, moment in moments.items()
        if (started_at := moment.started_at) is not None
    ]
    shown = _chosen(bars, rows)
    return Timeline(
        bars=tuple(shown),
        ticks=tuple(length * tick / _TICKS for tick in range(_TICKS + 1)),
        hidden=len(bars) - len(shown),
        critical_s=_span(chain, moments, until).total_seconds(),
        chain=chain,
    )


def _ready_at(node: ShapeNode, moments: Mapping[NodeKey, NodeMoment], begun_at: datetime) -> datetime:
    """Return when the last node ended that a node waited for."""
    ended = (moments[key].finished_at for key in node.upstream)
    return max((instant for instant in ended if instant is not None), default=begun_at)


def _chosen(bars: list[Bar], rows: Rows) -> list[Bar]:
    match rows:
        case Rows.CRITICAL:
            bars = [bar for bar in bars if bar.critical]
        case Rows.LONGEST:
            return sorted(bars, key=lambda bar: -bar.seconds)[:ROWS]
    return sorted(bars, key=lambda bar: (bar.started_at, bar.key))[:ROWS]


def _chain(shape: Mapping[NodeKey, ShapeNode], moments: Mapping[NodeKey, NodeMoment]) -> tuple[NodeKey, ...]:
    ended = {key: moment.finished_at for key, moment in moments.items() if moment.finished_at is not None}
    started = [moment for moment in moments.values() if moment.started_at is not None]
    if not started:
        return ()
    # A node at work ends later than all that have ended..
    last = max(
        started,
        key=lambda moment: (moment.key not in ended, ended.get(moment.key, moment.started_at), moment.key),
    )
    return deciding_chain(last.key, ended, {key: node.upstream for key, node in shape.items()})


def _span(chain: Sequence[NodeKey], moments: Mapping[NodeKey, NodeMoment], until: datetime) -> timedelta:
    if not chain:
        return timedelta()
    first = moments[chain[0]].started_at or until
    return (moments[chain[-1]].finished_at or until) - first
