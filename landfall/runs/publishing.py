"""What a settled node leaves beside its state: quality results, its published table, its landed files."""

import json
from collections.abc import Mapping
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


_NODE = (
    sa.select(node_runs.c.State, node_runs.c.Kind, node_runs.c.Definition, runs.c.DataProductID)
    .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
    .where(node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.NodeKey == sa.bindparam("key"))
)


def read_node(connection: sa.Connection, run_id: RunID, key: NodeKey) -> NodeToSettle:
    row = connection.execute(_NODE, {"run_id": run_id, "key": key}).one()
    return NodeToSettle(NodeState(row.State), NodeKind(row.Kind), row.Definition, row.DataProductID)


def write_results(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    node: NodeToSettle,
    verdict: Verdict,
    now: datetime,
) -> None:
    dataset = node.definition["output"]["dataset"]
    if verdict.rules:
        connection.execute(
            sa.insert(data_quality_results),
            [
                {
                    "RunID": run_id,
                    "NodeKey": key,
                    "DataProductID": node.product_id,
                    "DataSetName": dataset,
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
            ],
        )
    gives_up = (node.definition.get("quarantine") or {}).get("act") == "discard"
    if verdict.released and node.kind is NodeKind.INGEST and verdict.state is NodeState.SUCCEEDED:
        also_from_files(
            connection,
            run_id,
            dataset,
            [(RunID(item["run_id"]), item["file"]) for item in verdict.released],
        )
    if verdict.state is NodeState.SUCCEEDED and not gives_up:
        _publish(connection, node.product_id, dataset, run_id, verdict, now)
        if node.definition["load"] is not None:
            record_built_from(
                connection, node.product_id, run_id, key, node.definition, verdict.inputs, now=now
            )
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
    product_id: int,
    dataset: str,
    run_id: RunID,
    verdict: Verdict,
    now: datetime,
) -> None:
    values = {
        "RunID": run_id,
        "PublishedAt": now,
        "TableVersion": verdict.table_version,
        "Rows": verdict.rows_published,
    }
    updated = connection.execute(
        _PUBLISH,
        {
            "product_id": product_id,
            "dataset": dataset,
            **{f"new_{name}": value for name, value in values.items()},
        },
    ).rowcount
    if not updated:
        connection.execute(
            sa.insert(published_data_sets).values(DataProductID=product_id, DataSetName=dataset, **values)
        )
