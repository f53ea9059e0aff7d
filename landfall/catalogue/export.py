"""Files for a company's catalogue: products, contracts and lineage as they are applied, in words of open standards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from openlineage.client.serde import Serde

from landfall.catalogue.events import Teller
from landfall.contracts.contract import contracts_of
from landfall.contracts.odcs import to_odcs
from landfall.contracts.odps import to_odps
from landfall.metadata.catalog import get_current_product, list_products
from landfall.runs.service_levels import list_service_levels
from landfall.runs.stories import declared_story
from landfall.spec.model import DatasetName, Product
from landfall.spec.yaml_text import yaml_text

LINEAGE_FILE = "lineage.openlineage.jsonl"
FRESHNESS_FILE = "service_levels.json"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file; ``path`` is below the folder of the export."""

    path: str
    kind: str
    text: str


def export_catalogue(
    connection: sa.Connection, teller: Teller, *, now: datetime, product: str | None = None
) -> tuple[ExportedFile, ...]:
    """Return the files that describe every applied product, or one of them.

    Raises:
        UnknownProduct: ``product`` was never applied.
    """
    if product is not None:
        get_current_product(connection, product)
    keys = [entry.key for entry in list_products(connection) if product in (None, entry.key)]
    levels = list_service_levels(connection, product=product, now=now)
    files: list[ExportedFile] = []
    lines: list[str] = []
    for key in keys:
        current = get_current_product(connection, key)
        files += _of_product(current.product, current.version)
        story = declared_story(connection, key, now=now)
        lines += [json.dumps(Serde.to_dict(event), sort_keys=True) for event in teller.declared(story)]
    shown = [level.to_payload() for level in levels]
    freshness = json.dumps(shown, indent=2, default=datetime.isoformat)
    files.append(ExportedFile(FRESHNESS_FILE, "service levels", f"{freshness}\n"))
    files.append(ExportedFile(LINEAGE_FILE, "OpenLineage", "".join(f"{line}\n" for line in lines)))
    return tuple(files)


def _of_product(product: Product, version: int) -> Iterator[ExportedFile]:
    folder = product.key.replace("/", ".")
    ages = {level.dataset: level.window_s for level in product.service_levels if level.dataset is not None}
    yield ExportedFile(f"products/{folder}.odps.yaml", "ODPS", yaml_text(to_odps(product, version)))
    for contract in contracts_of(product, {}):
        name = f"contracts/{folder}.{contract.dataset}.v{contract.version}.odcs.yaml"
        age_s = ages.get(DatasetName(contract.dataset))
        yield ExportedFile(name, "ODCS", yaml_text(to_odcs(contract, max_age_s=age_s)))
