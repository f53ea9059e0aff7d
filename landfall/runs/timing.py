"""Where the time of a run went: the longest path of job time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

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
