"""A run of ten thousand nodes as a store has it that is halfway through, written in bulk."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_run_edges, node_runs, run_events, run_plans, runs
from landfall.planning.places import place_nodes
from landfall.planning.plan import NodeKey, NodeKind, PlanNode
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState

NODES = 10_000
FAILED = NodeKey("silver_4000")
AT_WORK = NodeKey("silver_6600")
LAYERS = ("bronze", "silver", "gold")


def write_large_run(
    connection: sa.Connection, run_id: RunID, *, product_id: int, now: datetime, nodes: int = NODES
) -> None:
    """Write a run of a product: bronze is built, of silver some failed and the last are at work, gold waits.

    A node of silver or gold reads one of the layer before and one that is up to six before it in its own.
    """
    plan = list(_plan(nodes))
    states = {node.key: _state(number, node, nodes) for number, node in enumerate(plan)}
    begun_at = now - timedelta(hours=2)
    per_node = timedelta(hours=2) / (2 * nodes / 3 + 1)
    starts = {node.key: begun_at + number * per_node for number, node in enumerate(plan)}
    rows = list(_rows(plan, states, starts, run_id, product_id))
    left = sum(state in _OPEN for state in states.values())
    connection.execute(
        sa.insert(runs).values(
            RunID=run_id,
            DataProductID=product_id,
            MetadataVersion=1,
            Trigger="landing",
            State=RunState.RUNNING,
            NodeCount=nodes,
            OpenNodes=left,
            ActiveNodes=sum(state is NodeState.RUNNING for state in states.values()),
            MaxParallelNodes=50,
            Settings={"on_failure": "continue"},
            CreatedAt=begun_at,
            StartedAt=begun_at,
            RowsRead=sum(row["RowsRead"] or 0 for row in rows),
            RowsPublished=sum(row["RowsPublished"] or 0 for row in rows),
        )
    )
    connection.execute(sa.insert(run_plans).values(RunID=run_id, Plan={"changed": []}, PlanHash="0"))
    connection.execute(sa.insert(node_runs), rows)
    connection.execute(
        sa.insert(node_run_edges),
        [
            {"RunID": run_id, "FromNode": before, "ToNode": node.key}
            for node in plan
            for before in node.depends_on
        ],
    )
    connection.execute(
        sa.insert(run_events),
        [
            {
                "RunID": run_id,
                "NodeKey": row["NodeKey"],
                "FromState": "submitted",
                "ToState": row["State"],
                "OccurredAt": row["FinishedAt"] or row["StartedAt"],
                "Actor": "landfall",
            }
            for row in rows
            if row["StartedAt"] is not None
        ],
    )


_OPEN = frozenset({NodeState.WAITING, NodeState.RUNNING})


def _plan(nodes: int) -> Iterator[PlanNode]:
    third = nodes // 3
    for number in range(nodes):
        layer = LAYERS[min(number // third, 2)]
        key = NodeKey(f"{layer}_{number}")
        first = min(number // third, 2) * third
        before = [] if layer == "bronze" else [number - third]
        if layer != "bronze" and number > first + 5:
            before.append(number - 1 - number % 6)
        depends_on = tuple(NodeKey(f"{LAYERS[min(other // third, 2)]}_{other}") for other in before)
        kind = NodeKind.INGEST if layer == "bronze" else NodeKind.TRANSFORM
        definition: dict[str, Any] = {
            "kind": kind,
            "load": None,
            "inputs": [],
            "output": {"dataset": key, "layer": layer},
        }
        yield PlanNode(key, kind, key, (), depends_on, layer, partial(_same, definition))


def _same(definition: dict[str, Any], _key: NodeKey) -> dict[str, Any]:
    return definition


def _state(number: int, node: PlanNode, nodes: int) -> NodeState:
    if node.key == FAILED or (node.key.startswith("silver") and number % 1_000 == 500):
        return NodeState.FAILED
    if node.key.startswith("gold"):
        return NodeState.WAITING
    return NodeState.RUNNING if number >= nodes // 3 * 2 - 80 else NodeState.SUCCEEDED


def _rows(
    plan: list[PlanNode],
    states: Mapping[NodeKey, NodeState],
    starts: Mapping[NodeKey, datetime],
    run_id: RunID,
    product_id: int,
) -> Iterator[dict[str, Any]]:
    places = place_nodes(plan)
    for number, node in enumerate(plan):
        state = states[node.key]
        has_started, has_ended = state is not NodeState.WAITING, state not in _OPEN
        place = places[node.key]
        succeeded = state is NodeState.SUCCEEDED
        yield {
            "RunID": run_id,
            "DataProductID": product_id,
            "NodeKey": node.key,
            "Kind": node.kind,
            "State": state,
            "WaitingFor": 0 if has_started else len(node.depends_on),
            "Priority": len(plan) - number,
            "Definition": node.definition,
            "Layer": place.layer,
            "Step": place.step,
            "Band": place.band,
            "WaitedFor": max(node.depends_on, key=lambda key: starts[key], default=None),
            "ClaimedAt": starts[node.key] if has_started else None,
            "StartedAt": starts[node.key] if has_started else None,
            "FinishedAt": starts[node.key] + timedelta(seconds=number % 50 / 10) if has_ended else None,
            "ErrorCode": "LF4521" if state is NodeState.FAILED else None,
            "Reason": "id_known refused 312 of 48,210 rows" if state is NodeState.FAILED else None,
            "RowsRead": 10_000 + number % 997 if succeeded else None,
            "RowsPublished": 10_000 + number % 997 if succeeded else None,
        }
