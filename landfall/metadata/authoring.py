"""The authoring tables of a product, kept row by row in step with its current version.

A row keeps its id for as long as the object it stands for keeps its name, so other tables and reports may
refer to it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import (
    data_quality_rules,
    data_sets,
    data_sources,
    ports,
    transformation_data_sets,
    transformation_dependencies,
    transformations,
)
from landfall.spec.model import DatasetRef, Product, QualityRule, Transformation

# What identifies a row within its product: a name, or a parent's id and a name.
_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The ids of the rows that stay, and of those that have lost their object and go at the end."""

    ids: Mapping[_Key, int]
    stale: tuple[int, ...]


def write_authoring(connection: sa.Connection, product_id: int, product: Product) -> None:
    """Make the authoring tables say what ``product`` says, and nothing else about it."""
    _delete_links(connection, product_id)
    sources = _keep(
        connection,
        data_sources,
        _of_product(data_sources, product_id),
        ("Name",),
        [
            {
                "DataProductID": product_id,
                "Name": source.name,
                "Type": str(source.type),
                "ConnectionString": source.connection,
                "Format": None if source.format is None else str(source.format),
                "Options": dict(source.options),
                "Engine": None if source.engine is None else str(source.engine),
            }
            for source in product.sources
        ],
    )
    datasets = _keep(
        connection,
        data_sets,
        _of_product(data_sets, product_id),
        ("Name",),
        [
            {
                "DataProductID": product_id,
                "DataSourceID": None if dataset.source is None else sources.ids[(dataset.source,)],
                "Name": str(dataset.name),
                "Description": dataset.description,
                "Layer": str(dataset.layer),
                "LandingPath": dataset.landing,
                "Schema": [asdict(column) for column in dataset.columns],
                "CopySettings": None if dataset.copy is None else json.dumps(asdict(dataset.copy)),
            }
            for dataset in product.datasets
        ],
    )
    nodes = _keep(
        connection,
        transformations,
        _of_product(transformations, product_id),
        ("Name",),
        [
            {
                "DataProductID": product_id,
                "Name": str(item.name),
                "Description": item.description,
                "Type": str(item.steps[0].type) if len(item.steps) == 1 else "steps",
                "Configuration": _configuration(item),
            }
            for item in product.transformations
        ],
    )
    rules = _keep(
        connection,
        data_quality_rules,
        data_quality_rules.c.DataSetID.in_(_ids_of_product(data_sets, product_id)),
        ("DataSetID", "Name"),
        [
            _rule_row(datasets.ids[(dataset.name,)], rule)
            for dataset in product.datasets
            for rule in dataset.quality
        ],
    )
    published = _keep(
        connection,
        ports,
        _of_product(ports, product_id),
        ("DataSetID", "Version"),
        [
            {
                "DataProductID": product_id,
                "DataSetID": datasets.ids[(port.dataset,)],
                "Version": port.version,
                "Contract": port.contract,
            }
            for port in product.ports
        ],
    )
    # Children before their parents.
    for table, kept in (
        (ports, published),
        (data_quality_rules, rules),
        (transformations, nodes),
        (data_sets, datasets),
        (data_sources, sources),
    ):
        _delete(connection, table, kept.stale)
    _write_links(connection, product, datasets.ids, nodes.ids)


def dependencies(product: Product) -> tuple[tuple[str, str], ...]:
    """Return every pair of a transformation and one it depends on, through data or by ``depends_on``."""
    built_by = {item.output.dataset: item.name for item in product.transformations}
    pairs = {
        (str(item.name), str(built_by[ref.dataset])): None
        for item in product.transformations
        for ref in item.inputs
        if ref.product is None and ref.dataset in built_by
    }
    ordered = {
        (str(item.name), str(other)): None for item in product.transformations for other in item.depends_on
    }
    return tuple({**pairs, **ordered})


def _rule_row(dataset_id: int, rule: QualityRule) -> dict[str, Any]:
    configuration = dict(rule.config)
    if rule.filter is not None:
        configuration["filter"] = rule.filter
    return {
        "DataSetID": dataset_id,
        "Name": rule.name,
        "Description": rule.description,
        "Type": str(rule.check),
        "Severity": str(rule.severity),
        "Configuration": configuration,
    }


def _configuration(item: Transformation) -> dict[str, Any]:
    return {
        "steps": [{"type": str(step.type), "config": step.config} for step in item.steps],
        "write": item.output.write.to_payload(),
    }


def _delete_links(connection: sa.Connection, product_id: int) -> None:
    own = _ids_of_product(transformations, product_id)
    links, uses = transformation_dependencies, transformation_data_sets
    connection.execute(sa.delete(links).where(links.c.TransformationID.in_(own)))
    connection.execute(sa.delete(uses).where(uses.c.TransformationID.in_(own)))


def _write_links(
    connection: sa.Connection, product: Product, datasets: Mapping[_Key, int], nodes: Mapping[_Key, int]
) -> None:
    _insert(
        connection,
        transformation_dependencies,
        [
            {"TransformationID": nodes[(name,)], "DependsOnTransformationID": nodes[(other,)]}
            for name, other in dependencies(product)
        ],
    )
    _insert(
        connection,
        transformation_data_sets,
        [
            {
                "TransformationID": nodes[(item.name,)],
                "DataSetID": datasets[(ref.dataset,)] if ref.product is None else None,
                "ForeignPort": None if ref.product is None else str(ref),
                "Role": role,
            }
            for item in product.transformations
            for role, refs in (("input", item.inputs), ("output", (DatasetRef(item.output.dataset),)))
            for ref in refs
        ],
    )


def _keep(
    connection: sa.Connection,
    table: sa.Table,
    scope: sa.ColumnElement[bool],
    key: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
) -> _Kept:
    """Insert and update so that ``rows`` are there; rows of ``scope`` with another key are left as stale."""
    id_column = _id_column(table)
    before = {_key(row, key): row for row in connection.execute(sa.select(table).where(scope)).mappings()}
    after = {_key(row, key): row for row in rows}
    _insert(connection, table, [row for found, row in after.items() if found not in before])
    changed = [
        {"row_id": before[found][id_column], **_changeable(row, key)}
        for found, row in after.items()
        if found in before and any(before[found][column] != value for column, value in row.items())
    ]
    if changed:
        values: dict[str, Any] = {column: sa.bindparam(column) for column in _changeable(rows[0], key)}
        statement = sa.update(table).where(id_column == sa.bindparam("row_id")).values(values)
        connection.execute(statement, changed)
    present = connection.execute(sa.select(id_column, *(table.c[column] for column in key)).where(scope))
    ids = {_key(row, key): int(row[id_column]) for row in present.mappings()}
    return _Kept(
        ids={found: row_id for found, row_id in ids.items() if found in after},
        stale=tuple(row_id for found, row_id in ids.items() if found not in after),
    )


def _changeable(row: Mapping[str, Any], key: tuple[str, ...]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column not in key}


def _key(row: Mapping[Any, Any], key: tuple[str, ...]) -> _Key:
    return tuple(row[column] for column in key)


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _delete(connection: sa.Connection, table: sa.Table, row_ids: Iterable[int]) -> None:
    # One statement per row in one batch: SQL Server takes no more than 2,100 parameters in a list.
    batch = [{"row_id": row_id} for row_id in row_ids]
    if batch:
        connection.execute(sa.delete(table).where(_id_column(table) == sa.bindparam("row_id")), batch)


def _of_product(table: sa.Table, product_id: int) -> sa.ColumnElement[bool]:
    return table.c.DataProductID == product_id


def _ids_of_product(table: sa.Table, product_id: int) -> sa.Select[int]:
    return sa.select(_id_column(table)).where(_of_product(table, product_id))


def _id_column(table: sa.Table) -> sa.Column[int]:
    return table.primary_key.columns[0]
