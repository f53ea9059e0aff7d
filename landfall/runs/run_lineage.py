"""Which versions of which tables, and whose landed files, a run read and wrote."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.datasets import dataset_edges, full_name
from landfall.metadata.catalog import get_product_key
from landfall.metadata.inserting import ROWS_AT_ONCE, insert_rows
from landfall.metadata.paging import PAGE_ROWS, Page, SortKey, read_page
from landfall.metadata.tables import lineage_edges, node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.published import table_versions
from landfall.runs.states import NodeState

_WRITTEN_ORDER = (SortKey("edge_id", lineage_edges.c.LineageEdgeID),)
_NODES_IN_ORDER = (
    sa.select(node_runs.c.NodeKey, node_runs.c.State, node_runs.c.Definition)
    .where(node_runs.c.RunID == sa.bindparam("run_id"))
    .order_by(node_runs.c.NodeRunID)
)


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
    product = get_product_key(connection, product_id)
    versions = {
        full_name(product, name): version for name, version in table_versions(connection, product_id).items()
    }
    succeeded: set[NodeKey] = set()
    edges = dataset_edges(product, _definitions(connection, run_id, succeeded))
    insert_rows(
        connection,
        lineage_edges,
        (
            {
                "RunID": run_id,
                "NodeKey": edge.node,
                "SourceDataSet": edge.source,
                "TargetDataSet": edge.target,
                "SourceVersion": versions.get(edge.source, edge.pinned),
                "TargetVersion": versions.get(edge.target),
                "RecordedAt": now,
            }
            for edge in edges
            if edge.node in succeeded
        ),
    )


def _definitions(
    connection: sa.Connection, run_id: RunID, succeeded: set[NodeKey]
) -> Iterator[tuple[NodeKey, dict[str, Any]]]:
    """Yield what each node of a run was to do, upstreams first, and note those that did it."""
    rows = connection.execute(
        _NODES_IN_ORDER, {"run_id": run_id}, execution_options={"yield_per": ROWS_AT_ONCE}
    )
    for row in rows:
        if row.State == NodeState.SUCCEEDED:
            succeeded.add(NodeKey(row.NodeKey))
        yield NodeKey(row.NodeKey), row.Definition


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
