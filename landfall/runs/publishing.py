"""What a settled node leaves beside its state: quality results, its published table, its landed files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.landing.copies import move_watermark
from landfall.landing.ledger import claimed_files, settle_files
from landfall.landing.run_files import also_from_files
from landfall.metadata.tables import data_quality_results, node_runs, published_data_sets, runs
from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.ids import RunID
from landfall.runs.increments import record_built_from
from landfall.runs.states import FileState, NodeState
from landfall.runs.verdict import Verdict


@dataclass(frozen=True, slots=True)
class NodeToSettle:
    """What settling a node needs of it."""

    state: NodeState
    kind: NodeKind
    definition: Mapping[str, Any]
    product_id: int

    @property
    def dataset(self) -> str:
        """What it builds."""
        name: str = self.definition["output"]["dataset"]
        return name

    @property
    def gives_up(self) -> bool:
        """Whether it drops rows in quarantine and publishes nothing."""
        return (self.definition.get("quarantine") or {}).get("act") == "discard"


_NODE = (
    sa.select(node_runs.c.State, node_runs.c.Kind, node_runs.c.Definition, runs.c.DataProductID)
    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
    .where(node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.NodeKey == sa.bindparam("key"))
)


def read_node(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeToSettle:
    row = connection.execute(_NODE, {"run_id": run_id, "key": key}).one()
    return NodeToSettle(NodeState(row.State), NodeKind(row.Kind), row.Definition, row.DataProductID)


Ended = tuple[NodeKey, NodeToSettle, Verdict]
"""A node with how it ended."""


def write_results(connection: sa.Connection, run_id: RunID, ended: Sequence[Ended], now: datetime) -> None:
    """Write what nodes leave, in as few statements for many as for one where their number is no matter."""
    rules = [row for key, node, verdict in ended for row in _rule_rows(run_id, key, node, verdict, now)]
    if rules:
        connection.execute(sa.insert(data_quality_results), rules)
    _publish(
        connection,
        run_id,
        [
            (node.product_id, node.dataset, verdict)
            for _, node, verdict in ended
            if verdict.state is NodeState.SUCCEEDED and not node.gives_up
        ],
        now,
    )
    for key, node, verdict in ended:
        _write_own_results(connection, run_id, key, node, verdict, now)


def _rule_rows(
    run_id: RunID, key: NodeKey, node: NodeToSettle, verdict: Verdict, now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "RunID": run_id,
            "NodeKey": key,
            "DataProductID": node.product_id,
            "DataSetName": node.dataset,
            "RuleName": rule["name"],
            "Severity": rule["severity"],
            "RowsChecked": rule["rows_checked"],
            "RowsFailed": rule["rows_failed"],
            "RowsCorrected": rule.get("rows_corrected"),
            "RuleVersion": rule.get("version"),
            "DurationMs": round(rule["seconds"] * 1000) if "seconds" in rule else None,
            "SampleKeys": json.dumps(rule["samples"]) if rule.get("samples") else None,
            "Detail": rule.get("detail"),
            "CheckedAt": now,
        }
        for rule in verdict.rules
    ]


def _write_own_results(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    node: NodeToSettle,
    verdict: Verdict,
    now: datetime,
) -> None:
    """Write what only nodes of one kind leave: those that take in files, and those that load what is new."""
    dataset = node.dataset
    if verdict.released and node.kind is NodeKind.INGEST and verdict.state is NodeState.SUCCEEDED:
        also_from_files(
            connection,
            run_id,
            dataset,
            [(RunID(item["run_id"]), item["file"]) for item in verdict.released],
        )
    if verdict.state is NodeState.SUCCEEDED and not node.gives_up and node.definition["load"] is not None:
        record_built_from(connection, node.product_id, run_id, key, node.definition, verdict.inputs, now=now)
    if node.kind is NodeKind.INGEST:
        unreadable = verdict.rejected_files
        rejected = {
            file.url: unreadable[uri]
            for file in (claimed_files(connection, run_id, dataset) if unreadable else ())
            if (uri := parse_blob_url(file.url).abfss()) in unreadable
        }
        copied = (node.definition["source"] or {}).get("copied")
        if copied is not None and verdict.state is NodeState.SUCCEEDED:
            move_watermark(
                connection,
                node.product_id,
                dataset,
                run_id,
                watermark_of=copied["watermark_of"],
                unreadable=rejected.keys(),
                now=now,
            )
        settle_files(
            connection,
            run_id,
            dataset=dataset,
            state=FileState.DONE if verdict.state is NodeState.SUCCEEDED else FileState.REJECTED,
            reason=verdict.reason,
            now=now,
            rejected=rejected,
        )


_PUBLISH = (
    sa.update(published_data_sets)
    .where(
        published_data_sets.c.DataProductID == sa.bindparam("product_id"),
        published_data_sets.c.DataSetName == sa.bindparam("dataset"),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in ("RunID", "PublishedAt", "TableVersion", "Rows")})
)


def _publish(
    connection: sa.Connection,
    run_id: RunID,
    published: Sequence[tuple[int, str, Verdict]],
    now: datetime,
) -> None:
    """Write the tables that nodes have published, each by its product, name and the verdict on its node."""
    rows = [
        {
            "product_id": product_id,
            "dataset": dataset,
            "new_RunID": run_id,
            "new_PublishedAt": now,
            "new_TableVersion": verdict.table_version,
            "new_Rows": verdict.rows_published,
        }
        for product_id, dataset, verdict in published
    ]
    if len(rows) == 1:
        new = rows if not connection.execute(_PUBLISH, rows[0]).rowcount else []
    else:
        there = _published_before(connection, published)
        before = [row for row in rows if row["dataset"] in there]
        new = [row for row in rows if row["dataset"] not in there]
        if before:
            connection.execute(_PUBLISH, before)
    if new:
        connection.execute(
            sa.insert(published_data_sets),
            [
                {
                    "DataProductID": row["product_id"],
                    "DataSetName": row["dataset"],
                    **{
                        name.removeprefix("new_"): value
                        for name, value in row.items()
                        if name.startswith("new_")
                    },
                }
                for row in new
            ],
        )


def _published_before(
    connection: sa.Connection, published: Sequence[tuple[int, str, Verdict]]
) -> frozenset[str]:
    """Return those of the datasets of one product that have been published before."""
    if not published:
        return frozenset()
    return frozenset(
        connection.execute(
            sa.select(published_data_sets.c.DataSetName).where(
                published_data_sets.c.DataProductID == published[0][0],
                published_data_sets.c.DataSetName.in_([dataset for _, dataset, _ in published]),
            )
        ).scalars()
    )
