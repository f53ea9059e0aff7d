"""The pinned plan in SQL: a row for each node, written and read a bounded number at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from landfall.metadata.columns import LongText
from landfall.metadata.inserting import ROWS_AT_ONCE, insert_rows
from landfall.metadata.tables import left_out_nodes, node_run_edges, node_run_ports, node_runs, run_plans
from landfall.planning.places import place_nodes
from landfall.planning.plan import Definition, NodeKey, NodeKind, Plan, PlanDigest, PlanNode, definition_text
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState

# The text is made once, for the hash as well.
_WRITE_NODE = sa.insert(node_runs).values(Definition=sa.bindparam("definition", type_=LongText))


def write_plan(
    connection: sa.Connection,
    run_id: RunID,
    product_id: int,
    plan: Plan,
    pack_of: Mapping[NodeKey, NodeKey],
    rank_of: Mapping[NodeKey, int],
) -> None:
    """Write the plan of a new run with its nodes, each waiting or ready.

    Args:
        pack_of: The pack of each node; empty where each has a job run of its own.
        rank_of: The rank of each node, by which it is given a place.
    """
    digest = PlanDigest(plan)
    insert_rows(connection, _WRITE_NODE, _node_rows(run_id, product_id, plan, pack_of, rank_of, digest))
    edges = (
        {"RunID": run_id, "FromNode": upstream, "ToNode": node.key}
        for node in plan.nodes
        for upstream in node.depends_on
    )
    insert_rows(connection, node_run_edges, edges)
    insert_rows(connection, node_run_ports, _port_rows(run_id, plan))
    left_out = (
        {"RunID": run_id, "NodeKey": key, "Reason": reason} for key, reason in sorted(plan.left_out.items())
    )
    insert_rows(connection, left_out_nodes, left_out)
    connection.execute(
        sa.insert(run_plans),
        {
            "RunID": run_id,
            "Plan": {
                "product": plan.product,
                "metadata_version": plan.metadata_version,
                "changed": list(plan.changed),
            },
            "PlanHash": digest.hexdigest(),
        },
    )


def read_plan(connection: sa.Connection, run_id: RunID) -> Plan:
    """Return the plan of a run; its nodes' definitions are read through the connection when they are asked for.

    Whoever goes through the nodes in their order reads each definition once, ``ROWS_AT_ONCE`` in a statement.
    """
    head: Mapping[str, Any] = connection.execute(
        sa.select(run_plans.c.Plan).where(run_plans.c.RunID == run_id)
    ).scalar_one()
    ports = _ports_of(connection, run_id)
    rows = connection.execute(
        sa.select(
            node_runs.c.NodeKey,
            node_runs.c.Kind,
            node_runs.c.Layer,
            node_runs.c.Definition,
        )
        .where(node_runs.c.RunID == run_id)
        .order_by(node_runs.c.NodeRunID),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    found = [(row.NodeKey, row.Kind, row.Layer, *_reads_and_builds(row, ports)) for row in rows]
    edges = read_edges(connection, run_id, [key for key, *_ in found])
    depends_on: dict[NodeKey, list[NodeKey]] = {}
    for upstream, key in edges:
        depends_on.setdefault(key, []).append(upstream)
    definitions = _Definitions(connection, run_id, [key for key, *_ in found])
    return Plan(
        product=head["product"],
        metadata_version=head["metadata_version"],
        changed=tuple(head["changed"]),
        nodes=tuple(
            PlanNode(
                key=NodeKey(key),
                kind=NodeKind(kind),
                output=output,
                inputs=inputs,
                depends_on=tuple(depends_on.get(NodeKey(key), ())),
                layer=layer,
                pinned=definitions,
            )
            for key, kind, layer, inputs, output in found
        ),
        left_out=read_left_out(connection, run_id),
    )


def read_edges(
    connection: sa.Connection, run_id: RunID, keys: Sequence[str]
) -> tuple[tuple[NodeKey, NodeKey], ...]:
    """Return each node that another one waits for, with that one.

    Args:
        keys: Those of the run's nodes in the order of its plan, which the edges follow: by the node that waits, and
            then by the other one.
    """
    position = {key: number for number, key in enumerate(keys)}
    rows = connection.execute(
        sa.select(node_run_edges.c.FromNode, node_run_edges.c.ToNode).where(node_run_edges.c.RunID == run_id),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    numbers = sorted((position[row.ToNode], position[row.FromNode]) for row in rows)
    return tuple((NodeKey(keys[before]), NodeKey(keys[after])) for after, before in numbers)


def read_left_out(connection: sa.Connection, run_id: RunID) -> Mapping[str, str]:
    """Return the nodes that could not be part of a run, with the reason; none for a run that is not there."""
    rows = connection.execute(
        sa.select(left_out_nodes.c.NodeKey, left_out_nodes.c.Reason)
        .where(left_out_nodes.c.RunID == run_id)
        .order_by(left_out_nodes.c.NodeKey)
    )
    return {row.NodeKey: row.Reason for row in rows}


class _Definitions:
    """Reads the definitions of a run's nodes, of neighbours together, and keeps those that it read last."""

    def __init__(self, connection: sa.Connection, run_id: RunID, keys: Sequence[str]) -> None:
        self._connection = connection
        self._run_id = run_id
        self._keys = keys
        self._position = {key: number for number, key in enumerate(keys)}
        self._read: dict[str, Definition] = {}

    def __call__(self, key: NodeKey) -> Definition:
        if key not in self._read:
            first = self._position[key] // ROWS_AT_ONCE * ROWS_AT_ONCE
            rows = self._connection.execute(
                sa.select(node_runs.c.NodeKey, node_runs.c.Definition).where(
                    node_runs.c.RunID == self._run_id,
                    node_runs.c.NodeKey.in_(self._keys[first : first + ROWS_AT_ONCE]),
                )
            )
            self._read = {row.NodeKey: row.Definition for row in rows}
        return self._read[key]


def _node_rows(
    run_id: RunID,
    product_id: int,
    plan: Plan,
    pack_of: Mapping[NodeKey, NodeKey],
    rank_of: Mapping[NodeKey, int],
    digest: PlanDigest,
) -> Iterator[dict[str, Any]]:
    """Yield the row of each node, and take the nodes into the plan's hash on the way."""
    places = place_nodes(plan.nodes)
    for node in plan.nodes:
        text = definition_text(node.definition)
        digest.add(node, text)
        yield {
            "RunID": run_id,
            "DataProductID": product_id,
            "NodeKey": node.key,
            "Kind": node.kind,
            "State": NodeState.WAITING if node.depends_on else NodeState.READY,
            "WaitingFor": len(node.depends_on),
            "Priority": rank_of[node.key],
            "definition": text,
            "Layer": node.layer,
            "Step": places[node.key].step,
            "Band": places[node.key].band,
            "PackKey": pack_of.get(node.key),
        }


def _port_rows(run_id: RunID, plan: Plan) -> Iterator[dict[str, Any]]:
    for node in plan.nodes:
        for position, name in enumerate(node.inputs):
            _, is_port, version = name.partition("@")
            if is_port:
                yield {
                    "RunID": run_id,
                    "NodeKey": node.key,
                    "Position": position,
                    "Version": int(version),
                }


def _ports_of(connection: sa.Connection, run_id: RunID) -> Mapping[tuple[str, int], int]:
    rows = connection.execute(sa.select(node_run_ports).where(node_run_ports.c.RunID == run_id))
    return {(row.NodeKey, row.Position): row.Version for row in rows}


def _reads_and_builds(row: sa.Row[Any], ports: Mapping[tuple[str, int], int]) -> tuple[tuple[str, ...], str]:
    """Return the inputs and the output of a node as its plan names them."""
    inputs = []
    for position, item in enumerate(row.Definition["inputs"]):
        version = ports.get((row.NodeKey, position))
        name: str = item["dataset"]
        inputs.append(name if version is None else f"{item['product']}.{name}@{version}")
    return tuple(inputs), row.Definition["output"]["dataset"]
