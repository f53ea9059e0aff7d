"""What is applied, as files that a company's catalogue reads: ODPS, ODCS and OpenLineage."""

import json
from dataclasses import replace

import jsonschema
import pytest
from open_data_contract_standard.model import OpenDataContractStandard
from ruamel.yaml import YAML

from landfall.catalogue.events import Teller
from landfall.catalogue.export import ExportedFile, export_catalogue
from landfall.metadata.catalog import UnknownProduct
from landfall.metadata.engine import Database
from landfall.spec.model import DatasetName, Port, ServiceLevel
from tests.integration.catalogue.test_catalogue_events import PRODUCT
from tests.integration.runs.acting import NOW, apply
from tests.openlineage_schema import job_event_schema

OFFERED = replace(
    PRODUCT,
    ports=(Port(DatasetName("orders"), 1),),
    service_levels=(ServiceLevel("fresh", 7200.0, dataset=DatasetName("orders")),),
)
TELLER = Teller(namespace="landfall", account="contoso")


@pytest.fixture
def files(database: Database) -> dict[str, ExportedFile]:
    apply(database, OFFERED)
    found = database.read(lambda connection: export_catalogue(connection, TELLER, now=NOW))
    return {file.path: file for file in found}


def test_a_product_names_its_ports_their_contracts_and_its_owner(files: dict[str, ExportedFile]) -> None:
    document = YAML(typ="safe").load(files["products/sales.orders.odps.yaml"].text)

    assert (document["kind"], document["id"], document["domain"]) == ("DataProduct", "sales/orders", "sales")
    (port,) = document["outputPorts"]
    assert port["contractId"] == "sales/orders.orders@1"
    assert document["team"]["members"][0]["username"] == "sales-data@contoso.example"


def test_a_contract_is_an_odcs_document_with_the_age_that_is_promised(files: dict[str, ExportedFile]) -> None:
    text = files["contracts/sales.orders.orders.v1.odcs.yaml"].text

    contract = OpenDataContractStandard.from_string(text)
    assert contract.id == "sales/orders.orders@1"
    (promise,) = contract.slaProperties or []
    assert (promise.property, promise.value, promise.unit, promise.element) == (
        "latency",
        7200,
        "s",
        "orders",
    )


def test_lineage_is_an_event_for_each_node_down_to_the_column(files: dict[str, ExportedFile]) -> None:
    events = [json.loads(line) for line in files["lineage.openlineage.jsonl"].text.splitlines()]

    for event in events:
        jsonschema.validate(event, job_event_schema())
    landed, built = events
    assert landed["job"]["name"] == "sales/orders.ingest.orders_landed"
    assert built["outputs"][0]["name"] == "sales/orders/silver/orders"
    fields = built["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [item["field"] for item in fields["gross"]["inputFields"]] == ["net"]


def test_a_product_that_was_never_applied_is_refused(database: Database) -> None:
    apply(database, OFFERED)

    with pytest.raises(UnknownProduct):
        database.read(lambda c: export_catalogue(c, TELLER, now=NOW, product="sales/none"))
