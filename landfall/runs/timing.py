"""Where the time of a run went: the longest path of job time, and the chain of nodes that decided its end."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.planning.plan import NodeKey


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The chain of nodes that no amount of parallelism makes shorter.

    Attributes:
        nodes: The chain, upstreams first.
        job_s: Sum of its job times, seconds.
    """

    nodes: tuple[NodeKey, ...]
    job_s: float


def critical_path(job_s: Mapping[NodeKey, float], edges: Collection[tuple[NodeKey, NodeKey]]) -> CriticalPath:
    """Return the chain of nodes with the largest sum of job times.

    Args:
        job_s: Job time of each node, seconds, upstreams first.
        edges: Pairs of nodes, predecessor first; pairs with a node that has no job time are passed over.
    """
    predecessors: dict[NodeKey, list[NodeKey]] = {key: [] for key in job_s}
    for upstream, node in edges:
        if upstream in job_s and node in job_s:
            predecessors[node].append(upstream)
    best: dict[NodeKey, CriticalPath] = {}
    for key, seconds in job_s.items():
        before = max(
            (best[upstream] for upstream in predecessors[key]),
            key=lambda path: path.job_s,
            default=CriticalPath((), 0.0),
        )
        best[key] = CriticalPath((*before.nodes, key), before.job_s + seconds)
    return max(best.values(), key=lambda path: path.job_s, default=CriticalPath((), 0.0))


def deciding_chain(
    last: NodeKey, ended_at: Mapping[NodeKey, datetime], upstream: Mapping[NodeKey, Collection[NodeKey]]
) -> tuple[NodeKey, ...]:
    """Return the chain of nodes that led to a node's end, the first one first.

    It goes back from the node, each time to the upstream node that ended last: the one that was waited for. Unlike
    ``critical_path`` it has the waiting for places and turns in it, for it is what happened.

    Args:
        last: The node that ended last, or of a run that goes on one that is at work.
        ended_at: When nodes ended, those that have.
        upstream: The nodes that each node waited for.
    """
    chain = [last]
    while before := [key for key in upstream[chain[-1]] if key in ended_at]:
        chain.append(max(before, key=lambda key: (ended_at[key], key)))
    return tuple(reversed(chain))
