"""Products as documents of the Open Data Product Standard, version 1.

Source:
    Open Data Product Standard v1.0.0 (Bitol, Linux Foundation), sections Fundamentals, Ports and Team.
"""

from typing import Any

from landfall.spec.model import Product

API_VERSION = "v1.0.0"


def to_odps(product: Product, version: int) -> dict[str, Any]:
    """Return a product as an ODPS document, its keys in the order in which people read them.

    Args:
        version: Of the metadata that is applied.
    """
    foreign = sorted(
        {str(ref) for item in product.transformations for ref in item.inputs if ref.product is not None}
    )
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataProduct",
        "id": product.key,
        "name": product.name,
        "version": f"{version}",
        "status": "active",
        "domain": product.domain,
    }
    if product.description:
        document["description"] = {"purpose": product.description}
    if foreign:
        document["inputPorts"] = [_input_port(name) for name in foreign]
    document["outputPorts"] = [
        {
            "name": port.dataset,
            "version": f"{port.version}.0.0",
            "type": "delta",
            "contractId": f"{product.key}.{port.dataset}@{port.version}",
        }
        for port in product.ports
    ]
    document["team"] = {
        "name": product.owner.team,
        "members": [{"username": product.owner.email, "role": "owner"}],
    }
    document["support"] = [{"channel": "owner", "url": f"mailto:{product.owner.email}", "tool": "email"}]
    if product.service_levels:
        document["customProperties"] = [
            {
                "property": f"serviceLevel.{level.name}",
                "value": _level(level.window_s, level.dataset, level.min_share),
            }
            for level in product.service_levels
        ]
    return document


def _input_port(name: str) -> dict[str, Any]:
    _, _, version = name.rpartition("@")
    return {"name": name, "version": f"{version}.0.0", "contractId": name}


def _level(window_s: float, dataset: str | None, min_share: float | None) -> str:
    if dataset is not None:
        return f"{dataset} at most {round(window_s)} seconds old"
    return f"{min_share:g} of runs succeed over {round(window_s)} seconds"
