"""What a run read, did and wrote, as SQL knows it: for those who tell a catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.lineage.datasets import full_name, quarantine_name
from landfall.lineage.edges import ColumnEdge, DependencyKind
from landfall.lineage.traces import DatasetColumn
from landfall.metadata.catalog import find_current_product, get_current_product, get_product_version
from landfall.metadata.tables import (
    column_lineage,
    data_products,
    data_quality_results,
    landed_files,
    node_runs,
    run_files,
    runs,
)
from landfall.planning.plan import NodeKind
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState
from landfall.spec.model import Dataset, Product


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake; ``layer`` is ``None`` for a table of refused rows."""

    product: str
    dataset: str
    layer: str | None

    @property
    def name(self) -> str:
        """The full name by which lineage knows it."""
        full = full_name(self.product, self.dataset)
        return full if self.layer is not None else quarantine_name(full)


@dataclass(frozen=True, slots=True)
class RuleStory:
    """How a rule did; ``check`` is ``None`` for the tests that the runtime makes by itself."""

    name: str
    check: str | None
    severity: str
    rows_checked: int
    rows_failed: int


@dataclass(frozen=True, slots=True)
class NodeStory:
    """A node that an attempt was begun of.

    Attributes:
        inputs: Tables it read; empty for an ingest node.
        landing: Where the files of an ingest node land, below the landing zone; ``None`` for others.
        files: Landed files that the run claimed for it, and their bytes.
        columns: Columns of its output as the job found them, name and type; empty if it wrote nothing.
        edges: Column lineage that leads to its output or to its refused rows.
    """

    key: str
    description: str
    kind: NodeKind
    state: NodeState
    started_at: datetime
    finished_at: datetime
    error_code: str | None
    inputs: tuple[Table, ...]
    landing: str | None
    files: int
    bytes: int
    output: Table
    quarantine: Table
    table_version: int | None
    columns: tuple[tuple[str, str], ...]
    rows_read: int | None
    rows_published: int | None
    rows_quarantined: int | None
    rules: tuple[RuleStory, ...]
    edges: tuple[ColumnEdge, ...]


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run; ``finished_at`` is ``None`` and ``nodes`` are empty while it goes on.

    Attributes:
        tables: Every table that an edge may lead from, by its full name.
    """

    run_id: RunID
    product: str
    description: str
    owner_team: str
    owner_email: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    nodes: tuple[NodeStory, ...]
    tables: Mapping[str, Table]


def read_story(connection: sa.Connection, run_id: RunID, *, with_nodes: bool) -> RunStory | None:
    """Return what is known of a run, ``None`` if it was purged.

    Args:
        with_nodes: Whether its nodes are read too, those that an attempt was begun of.
    """
    row = connection.execute(
        sa.select(runs, data_products.c.Domain, data_products.c.Name)
        .join_from(runs, data_products, data_products.c.DataProductID == runs.c.DataProductID)
        .where(runs.c.RunID == run_id)
    ).one_or_none()
    if row is None:
        return None
    product = get_product_version(connection, row.DataProductID, row.MetadataVersion)
    found = _nodes(connection, run_id) if with_nodes else ()
    tables = {
        table.name: table
        for table in (
            *(Table(product.key, dataset.name, str(dataset.layer)) for dataset in product.datasets),
            *(table for node in found for table in _inputs(node.Definition)),
        )
    }
    edges = _edges(connection, row.DataProductID, row.MetadataVersion) if found else {}
    rules = _rules(connection, run_id) if found else {}
    files = _files(connection, run_id) if found else {}
    return RunStory(
        run_id=run_id,
        product=product.key,
        description=product.description,
        owner_team=product.owner.team,
        owner_email=product.owner.email,
        state=RunState(row.State),
        started_at=row.StartedAt or row.CreatedAt,
        finished_at=row.FinishedAt,
        nodes=tuple(_node(product, node, edges, rules, files) for node in found),
        tables=tables,
    )


def declared_story(connection: sa.Connection, key: str, *, now: datetime) -> RunStory:
    """Return what the current version of a product reads and writes, as if every node of it had just been built.

    Nothing that only a run can tell is in it: no rows, versions of tables or results of rules.

    Raises:
        UnknownProduct: It was never applied.
    """
    current = get_current_product(connection, key)
    product = current.product
    layers = foreign_layers(connection, product)
    edges = _edges(connection, current.product_id, current.version)
    nodes = [
        _declared(product, f"ingest.{dataset.name}", dataset.description, dataset, (), edges, now)
        for dataset in product.datasets
        if dataset.landing is not None
    ]
    datasets = {dataset.name: dataset for dataset in product.datasets}
    for item in product.transformations:
        inputs = tuple(
            Table(ref.product, ref.dataset, layers.get(str(ref), ""))
            if ref.product is not None
            else Table(product.key, ref.dataset, str(datasets[ref.dataset].layer))
            for ref in item.inputs
        )
        output = datasets[item.output.dataset]
        nodes.append(_declared(product, item.name, item.description, output, inputs, edges, now))
    own = (Table(product.key, dataset.name, str(dataset.layer)) for dataset in product.datasets)
    return RunStory(
        run_id=RunID(""),
        product=product.key,
        description=product.description,
        owner_team=product.owner.team,
        owner_email=product.owner.email,
        state=RunState.SUCCEEDED,
        started_at=now,
        finished_at=now,
        nodes=tuple(nodes),
        tables={table.name: table for table in (*own, *(table for node in nodes for table in node.inputs))},
    )


def foreign_layers(connection: sa.Connection, product: Product) -> dict[str, str]:
    """Return the layer of each port of another product that this one reads, by its reference, where it is known."""
    layers: dict[str, str] = {}
    for ref in {ref for item in product.transformations for ref in item.inputs if ref.product is not None}:
        owner = find_current_product(connection, str(ref.product))
        for dataset in owner.product.datasets if owner is not None else ():
            if dataset.name == ref.dataset:
                layers[str(ref)] = str(dataset.layer)
    return layers


def _declared(
    product: Product,
    key: str,
    description: str,
    dataset: Dataset,
    inputs: tuple[Table, ...],
    edges: Mapping[str, Sequence[ColumnEdge]],
    now: datetime,
) -> NodeStory:
    output = Table(product.key, dataset.name, str(dataset.layer))
    promised = {port.dataset: port.columns for port in product.ports}.get(dataset.name, ())
    declared = tuple((column.name, column.type) for column in dataset.columns)
    return NodeStory(
        key=key,
        description=description,
        kind=NodeKind.INGEST if dataset.landing is not None else NodeKind.TRANSFORM,
        state=NodeState.SUCCEEDED,
        started_at=now,
        finished_at=now,
        error_code=None,
        inputs=inputs,
        landing=_landing(product, dataset.name),
        files=0,
        bytes=0,
        output=output,
        quarantine=Table(product.key, dataset.name, None),
        table_version=None,
        columns=declared or tuple((name, kind) for name, kind in promised if kind is not None),
        rows_read=None,
        rows_published=None,
        rows_quarantined=None,
        rules=(),
        edges=tuple(edges.get(output.name, ())),
    )


# Of nodes that share a job run the pack is claimed, not they.
_began_at = sa.func.coalesce(node_runs.c.ClaimedAt, node_runs.c.StartedAt)


def _nodes(connection: sa.Connection, run_id: RunID) -> Sequence[sa.Row[Any]]:
    return connection.execute(
        sa.select(node_runs)
        .where(
            node_runs.c.RunID == run_id,
            _began_at.is_not(None),
            node_runs.c.FinishedAt.is_not(None),
        )
        .order_by(_began_at, node_runs.c.NodeRunID)
    ).all()


def _node(
    product: Product,
    row: sa.Row[Any],
    edges: Mapping[str, Sequence[ColumnEdge]],
    rules: Mapping[str, Sequence[sa.Row[Any]]],
    files: Mapping[str, tuple[int, int]],
) -> NodeStory:
    definition: Mapping[str, Any] = row.Definition
    said = definition["output"]
    output = Table(product.key, said["dataset"], said["layer"])
    quarantine = Table(product.key, said["dataset"], None)
    result: Mapping[str, Any] = row.Result or {}
    written: Mapping[str, Any] = result.get("output") or {}
    checks = {rule["name"]: rule.get("check") for rule in definition["rules"]}
    is_ingest = row.Kind == NodeKind.INGEST
    count, size = files.get(output.dataset, (0, 0)) if is_ingest else (0, 0)
    return NodeStory(
        key=row.NodeKey,
        description=_description(product, row.NodeKey, output.dataset, is_ingest=is_ingest),
        kind=NodeKind(row.Kind),
        state=NodeState(row.State),
        started_at=row.ClaimedAt or row.StartedAt,
        finished_at=row.FinishedAt,
        error_code=row.ErrorCode,
        inputs=tuple(_inputs(definition)),
        landing=_landing(product, output.dataset) if is_ingest else None,
        files=count,
        bytes=size,
        output=output,
        quarantine=quarantine,
        table_version=written.get("version"),
        columns=tuple((column["name"], column["type"]) for column in written.get("columns") or ()),
        rows_read=row.RowsRead,
        rows_published=row.RowsPublished,
        rows_quarantined=row.RowsQuarantined,
        rules=tuple(
            RuleStory(
                rule.RuleName, checks.get(rule.RuleName), rule.Severity, rule.RowsChecked, rule.RowsFailed
            )
            for rule in rules.get(row.NodeKey, ())
        ),
        edges=(*edges.get(output.name, ()), *edges.get(quarantine.name, ())),
    )


def _description(product: Product, key: str, dataset: str, *, is_ingest: bool) -> str:
    if is_ingest:
        return next((item.description for item in product.datasets if item.name == dataset), "")
    return next((item.description for item in product.transformations if item.name == key), "")


def _landing(product: Product, dataset: str) -> str | None:
    """Return where files of a dataset land, below the landing zone; ``None`` for what a transformation builds."""
    pattern = next((item.landing for item in product.datasets if item.name == dataset), None)
    return None if pattern is None else f"{product.key}/{pattern}"


def _inputs(definition: Mapping[str, Any]) -> list[Table]:
    return [Table(item["product"], item["dataset"], item["layer"] or "") for item in definition["inputs"]]


def _edges(connection: sa.Connection, product_id: int, version: int) -> dict[str, list[ColumnEdge]]:
    table = column_lineage.c
    found: dict[str, list[ColumnEdge]] = {}
    rows = connection.execute(
        sa.select(column_lineage)
        .where(table.DataProductID == product_id, table.MetadataVersion == version)
        .order_by(table.ColumnLineageID)
    )
    for row in rows:
        found.setdefault(row.TargetDataSet, []).append(
            ColumnEdge(
                DatasetColumn(row.SourceDataSet, row.SourceColumn),
                DatasetColumn(row.TargetDataSet, row.TargetColumn),
                DependencyKind(row.Kind),
            )
        )
    return found


def _rules(connection: sa.Connection, run_id: RunID) -> dict[str, list[sa.Row[Any]]]:
    found: dict[str, list[sa.Row[Any]]] = {}
    rows = connection.execute(
        sa.select(data_quality_results)
        .where(data_quality_results.c.RunID == run_id)
        .order_by(data_quality_results.c.DataQualityResultID)
    )
    for row in rows:
        found.setdefault(row.NodeKey, []).append(row)
    return found


def _files(connection: sa.Connection, run_id: RunID) -> dict[str, tuple[int, int]]:
    """Return the number and the bytes of the files that a run claimed, by dataset."""
    rows = connection.execute(
        sa.select(
            landed_files.c.DataSetName,
            sa.func.count().label("Files"),
            sa.func.coalesce(sa.func.sum(landed_files.c.SizeBytes), 0).label("Bytes"),
        )
        .join_from(run_files, landed_files, landed_files.c.LandedFileID == run_files.c.LandedFileID)
        .where(run_files.c.RunID == run_id)
        .group_by(landed_files.c.DataSetName)
    )
    return {row.DataSetName: (row.Files, int(row.Bytes)) for row in rows}
