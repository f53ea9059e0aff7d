"""Why each node of a plan runs: the chain from the node back to what changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from landfall.planning.plan import NodeKey, NodeKind, Plan

# A reason is one line on a terminal; what a longer chain leaves out can be read from the picture.
_LONGEST_CHAIN = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one node runs.

    Attributes:
        new_inputs: Datasets with new data that it reads, or for an ingest node the dataset whose files
            landed; empty for a node that runs only because everything is built again.
        cause: The predecessor that brings the first of them; ``None`` where the chain begins.
    """

    node: NodeKey
    new_inputs: tuple[str, ...]
    cause: NodeKey | None


def explain(plan: Plan) -> tuple[Explanation, ...]:
    """Return one explanation per node of the plan, in its order."""
    changed = frozenset(plan.changed)
    builders: dict[str, NodeKey] = {}
    explanations = []
    for node in plan.nodes:
        if node.kind is NodeKind.INGEST:
            explanations.append(Explanation(node.key, (node.output,), None))
        else:
            new_inputs = tuple(name for name in node.inputs if name in builders or name in changed)
            cause = builders.get(new_inputs[0]) if new_inputs else None
            explanations.append(Explanation(node.key, new_inputs, cause))
        builders[node.output] = node.key
    return tuple(explanations)


def chain_of(node: NodeKey, explanations: Mapping[NodeKey, Explanation]) -> tuple[NodeKey, ...]:
    """Return the nodes that lead from what changed to ``node``, which is the last one."""
    chain = [node]
    while (cause := explanations[chain[-1]].cause) is not None:
        chain.append(cause)
    return tuple(reversed(chain))


def reasons(plan: Plan) -> dict[str, str]:
    """Return for each node of the plan one sentence on why it runs, in the plan's order."""
    explanations = {explanation.node: explanation for explanation in explain(plan)}
    return {key: _reason(explanation, explanations) for key, explanation in explanations.items()}


def _reason(explanation: Explanation, explanations: Mapping[NodeKey, Explanation]) -> str:
    if not explanation.new_inputs:
        return "everything is built again"
    chain = chain_of(explanation.node, explanations)
    # The first node of the chain reads what changed, every other one what its predecessor built.
    origin = explanations[chain[0]].new_inputs
    start = f"{origin[0]} has new data" if origin else f"{chain[0]} is built again"
    return " -> ".join((start, *_shortened(chain if origin else chain[1:])))


def _shortened(chain: tuple[NodeKey, ...]) -> tuple[str, ...]:
    """Return the chain, its middle replaced by a count if it is long."""
    hidden = len(chain) - _LONGEST_CHAIN + 1
    if hidden < 2:
        return chain
    return (chain[0], f"… {hidden} more …", *chain[1 + hidden :])
