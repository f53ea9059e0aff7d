"""Which versions of which tables, and whose landed files, a run read and wrote."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.datasets import dataset_edges
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.tables import lineage_edges, node_runs, run_plans
from landfall.planning.plan import NodeKey, Plan
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState

_WRITTEN_ORDER = (SortKey("edge_id", lineage_edges.c.LineageEdgeID),)


@dataclass(frozen=True, slots=True)
class RunEdge:
    """A node of a run read one version of a dataset and wrote one of another.

    Attributes:
        source: Full name of a dataset, or ``landing/`` and that of the dataset whose landed files were read.
        source_version: Of the table; ``None`` for landed files, and for a table that was empty or had no version.
        target: Full name of the dataset that the node built.
        target_version: Of its table; ``None`` if the engine gave none.
    """

    node: NodeKey
    source: str
    source_version: int | None
    target: str
    target_version: int | None


@dataclass(frozen=True, slots=True)
class _Versions:
    read: dict[str, int | None]
    written: int | None


def write_run_lineage(connection: sa.Connection, run_id: RunID, *, now: datetime) -> None:
    """Write which datasets the succeeded nodes of a run read and wrote, and in which versions."""
    plan = Plan.from_payload(
        connection.execute(sa.select(run_plans.c.Plan).where(run_plans.c.RunID == run_id)).scalar_one()
    )
    versions = dict(_versions(connection, run_id))
    rows = [
        {
            "RunID": run_id,
            "NodeKey": edge.node,
            "SourceDataSet": edge.source,
            "TargetDataSet": edge.target,
            "SourceVersion": None if edge.input is None else versions[edge.node].read.get(edge.input),
            "TargetVersion": versions[edge.node].written,
            "RecordedAt": now,
        }
        for edge in dataset_edges(plan)
        if edge.node in versions
    ]
    if rows:
        connection.execute(sa.insert(lineage_edges), rows)


def find_run_lineage(
    connection: sa.Connection, run_id: RunID, *, limit: int = PAGE_ROWS, cursor: str | None = None
) -> Page[RunEdge]:
    """Return a page of what a run read and wrote, in the order of its plan; nothing before the run has ended.

    Raises:
        NotACursor: The cursor is of no such list.
    """
    query = sa.select(lineage_edges).where(lineage_edges.c.RunID == run_id)
    return read_page(connection, query, _WRITTEN_ORDER, _edge, limit=limit, cursor=cursor)


def _versions(connection: sa.Connection, run_id: RunID) -> Iterator[tuple[NodeKey, _Versions]]:
    """Yield what the succeeded nodes said of their tables: no more of each result than that leaves the database."""
    if connection.dialect.name == "mssql":
        inputs, version = sa.func.JSON_QUERY, sa.func.JSON_VALUE
    else:
        inputs, version = sa.func.json_extract, sa.func.json_extract
    rows = connection.execute(
        sa.select(
            node_runs.c.NodeKey,
            inputs(node_runs.c.Result, "$.inputs", type_=sa.UnicodeText).label("Inputs"),
            sa.cast(version(node_runs.c.Result, "$.output.version"), sa.BigInteger).label("Version"),
        ).where(node_runs.c.RunID == run_id, node_runs.c.State == NodeState.SUCCEEDED)
    )
    for row in rows:
        read: list[dict[str, Any]] = json.loads(row.Inputs or "[]")
        yield (
            NodeKey(row.NodeKey),
            _Versions({item["name"]: item["version"] for item in read}, row.Version),
        )


def _edge(row: sa.Row[Any]) -> RunEdge:
    return RunEdge(
        node=NodeKey(row.NodeKey),
        source=row.SourceDataSet,
        source_version=row.SourceVersion,
        target=row.TargetDataSet,
        target_version=row.TargetVersion,
    )
