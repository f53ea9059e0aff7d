"""Contracts as documents of the Open Data Contract Standard, version 3.

Source:
    Open Data Contract Standard v3.1.0 (Bitol, Linux Foundation), sections Fundamentals, Schema and Data Quality.
"""

import re
from collections.abc import Mapping
from typing import Any

from landfall.contracts.contract import Contract, ContractColumn, ContractRule
from landfall.spec.model import Check

API_VERSION = "v3.1.0"

_LOGICAL = {
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "boolean": "boolean",
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
    "array": "array",
    "struct": "object",
    "map": "object",
}
_DIMENSIONS = {
    Check.NOT_NULL: "completeness",
    Check.NOT_EMPTY: "completeness",
    Check.NULL_SHARE: "completeness",
    Check.ROW_COUNT: "completeness",
    Check.UNIQUE: "uniqueness",
    Check.FOREIGN_KEY: "consistency",
}


def to_odcs(contract: Contract, *, max_age_s: float | None = None) -> dict[str, Any]:
    """Return a contract as an ODCS document, its keys in the order in which people read them.

    Args:
        max_age_s: Age that the table may have, where a service level says so.
    """
    domain, _, _ = contract.product.partition("/")
    schema: dict[str, Any] = {
        "name": contract.dataset,
        "physicalType": "table",
        "logicalType": "object",
        "properties": [_property(column, contract.key) for column in contract.columns],
    }
    if contract.description:
        schema["description"] = contract.description
    if contract.rules:
        schema["quality"] = [_quality(rule) for rule in contract.rules]
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": contract.port,
        "name": contract.dataset,
        "version": f"{contract.version}.0.0",
        "status": "active",
        "domain": domain,
        "dataProduct": contract.product,
    }
    if contract.description:
        document["description"] = {"purpose": contract.description}
    document["team"] = {"name": contract.team, "description": contract.email}
    document["schema"] = [schema]
    if max_age_s is not None:
        # The standard names no freshness; latency is its word for how late data may be.
        sla = {"property": "latency", "value": round(max_age_s), "unit": "s", "element": contract.dataset}
        document["slaProperties"] = [sla]
    return document


def unkept_promises(document: Any, contract: Contract) -> list[str]:
    """Return what an ODCS document written by hand promises and the product does not say, for people.

    Compares the names and physical types of the columns of the table that the document describes. What it
    requires is kept by every run.
    """
    tables = [item for item in _objects(document, "schema") if item.get("name") == contract.dataset]
    if not tables:
        return [f"the contract describes no table '{contract.dataset}'"]
    columns = {column.name.casefold(): column for column in contract.columns}
    faults = []
    for item in _objects(tables[0], "properties"):
        column = columns.get(str(item.get("name")).casefold())
        wanted = item.get("physicalType")
        if column is None:
            faults.append(f"column '{item.get('name')}' is promised and not there")
        elif wanted is not None and column.type is not None and str(wanted).lower() != column.type:
            faults.append(f"column '{column.name}' is promised as {wanted} and is {column.type}")
    return faults


def _objects(document: Any, key: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list of a document that is not trusted to have one."""
    found = document.get(key) if isinstance(document, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _property(column: ContractColumn, key: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name}
    if column.type is not None:
        found["logicalType"] = _LOGICAL[re.split(r"\W", column.type, maxsplit=1)[0]]
        found["physicalType"] = column.type
    if column.name in key:
        found["primaryKey"] = True
        found["primaryKeyPosition"] = key.index(column.name) + 1
    if column.required:
        found["required"] = True
    if column.description:
        found["description"] = column.description
    return found


def _quality(rule: ContractRule) -> dict[str, Any]:
    """Return a rule as a quality entry of our own engine: ODCS has no words for most of our checks."""
    implementation: dict[str, Any] = {"check": str(rule.check), **rule.config}
    if rule.filter is not None:
        implementation["filter"] = rule.filter
    found: dict[str, Any] = {
        "name": rule.name,
        "type": "custom",
        "engine": "landfall",
        "dimension": _DIMENSIONS.get(rule.check, "conformity"),
        "severity": "error",
        "implementation": implementation,
    }
    if rule.description:
        found["description"] = rule.description
    return found
