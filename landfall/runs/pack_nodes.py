"""The open nodes of a pack as they stand in SQL, with what leads away from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_attempts, node_run_edges, node_runs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.pack_attempts import in_order
from landfall.runs.pack_verdicts import Member
from landfall.runs.policy import RunPolicy
from landfall.runs.states import OPEN_NODE_STATES, NodeState


@dataclass(frozen=True, slots=True)
class PackNodes:
    """The open nodes of a pack; of one that has none only the key is known.

    Attributes:
        rows: By key, in the order in which the job executes them.
        edges: Those from these nodes, each with the node that it leads to.
        failures: How many earlier attempts of a node failed, by class.
        policy: That of the run; ``None`` if there is no open node.
        cancelled: Whether somebody asked to cancel the run.
    """

    run_id: RunID
    pack: NodeKey
    rows: Mapping[NodeKey, Any]
    edges: Sequence[Any]
    failures: Mapping[NodeKey, Mapping[str, int]]
    policy: RunPolicy | None
    cancelled: bool

    def members(self) -> tuple[Member, ...]:
        after = _after(self.rows, self.edges)
        return tuple(
            Member(
                key,
                NodeState(row.State),
                row.Attempt,
                row.Priority,
                row.Definition,
                after.get(key, ()),
                self.failures.get(key, {}),
            )
            for key, row in self.rows.items()
        )


def read_pack_nodes(connection: sa.Connection, run_id: RunID, pack: NodeKey) -> PackNodes:
    here = {"run_id": run_id, "pack": pack}
    rows = {NodeKey(row.NodeKey): row for row in connection.execute(_MEMBERS, here)}
    if not rows:
        return PackNodes(run_id, pack, {}, (), {}, None, cancelled=False)
    # An order in SQL would have it look for them in the order of all edges of the run.
    edges = sorted(connection.execute(_EDGES, here), key=lambda edge: (edge.ToNode, edge.FromNode))
    failures: dict[NodeKey, dict[str, int]] = {}
    for row in connection.execute(_FAILURES, here):
        failures.setdefault(NodeKey(row.NodeKey), {})[row.Failure] = row.Attempts
    first = next(iter(rows.values()))
    return PackNodes(
        run_id,
        pack,
        {key: rows[key] for key in in_order(list(rows), _after(rows, edges))},
        edges,
        failures,
        RunPolicy.from_payload(first.Settings),
        cancelled=first.CancelRequestedAt is not None,
    )


def _after(rows: Mapping[NodeKey, Any], edges: Sequence[Any]) -> dict[NodeKey, tuple[NodeKey, ...]]:
    """Return the open nodes of the pack that each of them depends on."""
    after: dict[NodeKey, tuple[NodeKey, ...]] = {}
    for edge in edges:
        if edge.ToNode in rows:
            after[edge.ToNode] = (*after.get(edge.ToNode, ()), NodeKey(edge.FromNode))
    return after


_OF_PACK = (node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.PackKey == sa.bindparam("pack"))
_MEMBERS = (
    sa.select(
        node_runs.c.NodeKey,
        node_runs.c.State,
        node_runs.c.Kind,
        node_runs.c.Attempt,
        node_runs.c.WaitingFor,
        node_runs.c.WaitedFor,
        node_runs.c.Priority,
        node_runs.c.JobRunID,
        node_runs.c.StartedAt,
        node_runs.c.Definition,
        runs.c.DataProductID,
        runs.c.Settings,
        runs.c.CancelRequestedAt,
    )
    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
    .where(*_OF_PACK, node_runs.c.State.in_(OPEN_NODE_STATES))
    .order_by(node_runs.c.NodeRunID)
)
_target = node_runs.alias("target")
# The nodes of the pack come first, whatever the planner thinks: joined instead, they may be looked for in all edges, or
# attempts, of the run.
_KEYS = sa.select(node_runs.c.NodeKey).where(*_OF_PACK, node_runs.c.State.in_(OPEN_NODE_STATES))
_EDGES = (
    sa.select(
        node_run_edges.c.FromNode,
        node_run_edges.c.ToNode,
        _target.c.State,
        _target.c.WaitingFor,
        _target.c.PackKey,
    )
    .select_from(
        node_run_edges.join(
            _target,
            sa.and_(_target.c.RunID == node_run_edges.c.RunID, _target.c.NodeKey == node_run_edges.c.ToNode),
        )
    )
    .where(node_run_edges.c.RunID == sa.bindparam("run_id"), node_run_edges.c.FromNode.in_(_KEYS))
)
_FAILURES = (
    sa.select(node_attempts.c.NodeKey, node_attempts.c.Failure, sa.func.count().label("Attempts"))
    .where(
        node_attempts.c.RunID == sa.bindparam("run_id"),
        node_attempts.c.NodeKey.in_(_KEYS),
        node_attempts.c.Failure.is_not(None),
    )
    .group_by(node_attempts.c.NodeKey, node_attempts.c.Failure)
)
