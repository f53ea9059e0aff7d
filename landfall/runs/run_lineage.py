"""Which versions of which tables, and whose landed files, a run read and wrote."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.datasets import dataset_edges, full_name
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.tables import lineage_edges, node_runs, run_plans
from landfall.planning.plan import NodeKey, Plan
from landfall.runs.ids import RunID
from landfall.runs.published import table_versions
from landfall.runs.states import NodeState

_WRITTEN_ORDER = (SortKey("edge_id", lineage_edges.c.LineageEdgeID),)


@dataclass(frozen=True, slots=True)
class RunEdge:
    """A node of a run read one version of a dataset and wrote one of another.

    Attributes:
        source: Full name of a dataset, or ``landing/`` and that of the dataset whose landed files were read.
        source_version: Of the table; ``None`` for landed files, and where no engine told one.
        target: Full name of the dataset that the node built.
        target_version: Of its table; ``None`` if the engine gave none.
    """

    node: NodeKey
    source: str
    source_version: int | None
    target: str
    target_version: int | None


def write_run_lineage(connection: sa.Connection, run_id: RunID, product_id: int, *, now: datetime) -> None:
    """Write which datasets the succeeded nodes of a run read and wrote, and in which versions.

    Called while the run is the only one of its product: what is published now is what its nodes found or wrote.
    """
    plan = Plan.from_payload(
        connection.execute(sa.select(run_plans.c.Plan).where(run_plans.c.RunID == run_id)).scalar_one()
    )
    succeeded: set[str] = set(
        connection.execute(
            sa.select(node_runs.c.NodeKey).where(
                node_runs.c.RunID == run_id, node_runs.c.State == NodeState.SUCCEEDED
            )
        ).scalars()
    )
    versions = {
        full_name(plan.product, name): version
        for name, version in table_versions(connection, product_id).items()
    }
    rows = [
        {
            "RunID": run_id,
            "NodeKey": edge.node,
            "SourceDataSet": edge.source,
            "TargetDataSet": edge.target,
            "SourceVersion": versions.get(edge.source, edge.pinned),
            "TargetVersion": versions.get(edge.target),
            "RecordedAt": now,
        }
        for edge in dataset_edges(plan)
        if edge.node in succeeded
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


def _edge(row: sa.Row[Any]) -> RunEdge:
    return RunEdge(
        node=NodeKey(row.NodeKey),
        source=row.SourceDataSet,
        source_version=row.SourceVersion,
        target=row.TargetDataSet,
        target_version=row.TargetVersion,
    )
