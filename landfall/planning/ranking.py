"""Ranks: which of the nodes that could start should, because most is still to come behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from landfall.planning.plan import NodeKey, Plan

# What all nodes count while nobody knows anything; any number gives the same order.
_UNKNOWN_S = 1.0
# So that a node always comes before what waits for it, even if neither takes any time.
_LEAST_MS = 1
# What the column of a rank takes: 24 days.
_MOST_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Durations:
    """How long nodes took in former runs, in seconds.

    Attributes:
        job_s: Inside their jobs, of the nodes that are known.
        beside_s: What a job run takes beside, from submission to settlement.
    """

    job_s: Mapping[NodeKey, float]
    beside_s: float = 0.0


NOTHING_KNOWN = Durations({})


def ranks(plan: Plan, durations: Durations) -> dict[NodeKey, int]:
    """Return how long the longest path from each node to an end of the plan is expected to take, in milliseconds.

    This is the upward rank of list scheduling: whoever gives places to the highest rank first lets the chain that
    decides about the end of the run wait the least. It is higher than that of every node behind.

    Args:
        durations: A node of which nothing is known counts as much as half of the others do not exceed. So where
            nothing is known at all, nodes are ordered by the number of nodes on their path.
    """
    usual_s = median(
        [durations.job_s[node.key] for node in plan.nodes if node.key in durations.job_s] or [_UNKNOWN_S]
    )
    behind = dict.fromkeys((node.key for node in plan.nodes), 0)
    found: dict[NodeKey, int] = {}
    for node in reversed(plan.nodes):
        own_s = durations.job_s.get(node.key, usual_s) + durations.beside_s
        found[node.key] = min(behind[node.key] + max(round(own_s * 1000), _LEAST_MS), _MOST_MS)
        for key in node.depends_on:
            behind[key] = max(behind[key], found[node.key])
    return found
